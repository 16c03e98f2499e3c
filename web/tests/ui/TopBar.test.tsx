import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { firstFrameCommand } from '../../src/ui/CopyCommand';
import { BottomDrawer } from '../../src/ui/BottomDrawer';
import { SceneOverlay } from '../../src/ui/SceneOverlay';
import { StopDialog } from '../../src/ui/StopDialog';
import { TopBar } from '../../src/ui/TopBar';
import { info } from '../helpers';
import { link, summary } from '../state/summaries';
import { actions, show } from './render';

afterEach(cleanup);

function bar() {
  return show(<TopBar actions={actions()} />);
}

test('pause is sent once and then waits for its answer', () => {
  const { told } = bar();
  fireEvent.click(screen.getByTestId('pause'));
  expect(told).toMatchObject([{ type: 'command', name: 'pause', run: 'town' }]);
  expect(screen.getByTestId<HTMLButtonElement>('pause').disabled).toBe(true);
});

test('a paused run offers to resume', () => {
  const { dashboard } = bar();
  act(() => dashboard.store.setState({ info: info({ state: 'paused' }) }));
  expect(screen.getByTestId('state-pill').dataset['state']).toBe('paused');
  expect(screen.queryByTestId('pause')).toBeNull();
  expect(screen.getByTestId('resume')).toBeTruthy();
});

test('a viewer without the right to steer is told why', () => {
  const { dashboard } = bar();
  act(() => dashboard.store.setState({ summary: summary({ link: link({ role: 'viewer' }) }) }));
  expect(screen.getByTestId<HTMLButtonElement>('stop').disabled).toBe(true);
  expect(screen.getByTestId('stop').title).toContain('controller');
});

test('without a connection the state is shown as a memory', () => {
  const { dashboard } = bar();
  const lost = link({ state: 'reconnecting', attempt: 1, retryInMs: 500 });
  act(() => dashboard.store.setState({ summary: summary({ link: lost }) }));
  expect(screen.getByTestId('state-pill').textContent).toBe('Was running');
  expect(screen.getByTestId('conn-chip').dataset['state']).toBe('reconnecting');
});

test('the chip carries its figures for machines too', () => {
  bar();
  const { dataset } = screen.getByTestId('conn-chip');
  expect(dataset).toMatchObject({
    state: 'open',
    rttMs: '2',
    fps: '60',
    ageMs: '40',
    tier: 'high',
  });
});

test('choosing a run changes the address', () => {
  const { dashboard } = bar();
  act(() =>
    dashboard.store.setState({ runs: [info(), info({ id: 'harbour', title: 'Harbour' })] }),
  );
  fireEvent.change(screen.getByTestId('run-select'), { target: { value: 'harbour' } });
  expect(location.hash).toBe('#/run/harbour');
});

test('stopping is asked twice', () => {
  const { told } = show(<StopDialog open={true} onClose={vi.fn<() => void>()} />);
  expect(told).toEqual([]);
  fireEvent.click(screen.getByTestId('stop-confirm'));
  expect(told).toMatchObject([{ type: 'command', name: 'stop' }]);
});

test('while reconnecting one may retry now', () => {
  const { dashboard, told } = show(<SceneOverlay />);
  const lost = link({ state: 'reconnecting', attempt: 1, retryInMs: 2400, cause: 'Gone.' });
  act(() => dashboard.store.setState({ summary: summary({ link: lost }) }));
  expect(screen.getByText(/Trying again in 3 s/)).toBeTruthy();
  fireEvent.click(screen.getByTestId('retry-now'));
  expect(told).toEqual([{ type: 'retry' }]);
});

test('a run without a frame shows the command that publishes one', () => {
  const { dashboard } = show(<SceneOverlay />);
  act(() => dashboard.store.setState({ summary: summary({ hasFrame: false }) }));
  expect(screen.getByText('Waiting for the first frame')).toBeTruthy();
  expect(document.body.textContent).toContain("XADD 'lc:{town}:in:high'");
  expect(firstFrameCommand('x')).toContain('SADD lc:runs x');
});

test('the log can be narrowed to errors', () => {
  const { dashboard } = show(<BottomDrawer view="log" onView={vi.fn<() => void>()} />);
  const entry = { timeS: 3, atMs: 0, source: 'run', times: 1 };
  act(() =>
    dashboard.store.setState({
      log: [
        { ...entry, id: 1, level: 'info', text: 'All is well' },
        { ...entry, id: 2, level: 'error', text: 'All is lost' },
      ],
    }),
  );
  expect(screen.getByTestId('event-log').textContent).toContain('All is well');
  fireEvent.click(screen.getByLabelText('Errors'));
  expect(screen.getByTestId('event-log').textContent).not.toContain('All is well');
  expect(screen.getByTestId('event-log').textContent).toContain('All is lost');
});
