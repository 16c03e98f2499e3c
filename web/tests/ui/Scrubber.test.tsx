import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { SceneOverlay } from '../../src/ui/SceneOverlay';
import { Scrubber } from '../../src/ui/Scrubber';
import { summary } from '../state/summaries';
import { show } from './render';

afterEach(cleanup);

const history = {
  first: 10,
  last: 90,
  fromS: 1,
  toS: 9,
  at: null,
  behindS: 0,
  live: { timeS: 9, metrics: {}, metricsVersion: 1 },
};

test('without a history there is nothing to move, and it says so', () => {
  show(<Scrubber />);
  const range = screen.getByLabelText('Look back');
  expect(range).toHaveProperty('disabled', true);
  expect(range.getAttribute('aria-valuetext')).toBe('No history yet');
});

test('it says in words what is looked at, and is never mistaken for live', () => {
  const { dashboard, told } = show(
    <>
      <Scrubber />
      <SceneOverlay />
    </>,
  );
  act(() => dashboard.store.setState({ summary: summary({ history }) }));
  const range = screen.getByLabelText('Look back');
  expect(range.getAttribute('aria-valuetext')).toBe('Live, 0:12.5');
  fireEvent.change(range, { target: { value: '40' } });
  expect(told.at(-1)).toEqual({ type: 'look', to: { seq: 40 } });
  const past = { ...history, at: 40, behindS: 5 };
  act(() => dashboard.store.setState({ summary: summary({ history: past, timeS: 4 }) }));
  expect(range.getAttribute('aria-valuetext')).toBe('−5.0 s, 0:04.0');
  expect(screen.getByText(/This is not live/).textContent).toContain('−5.0 s');
  fireEvent.click(screen.getByText('LIVE'));
  expect(told.at(-1)).toEqual({ type: 'look', to: 'live' });
});

test('what happened has its mark in the range; what is no longer kept has none', () => {
  const { dashboard, container } = show(<Scrubber />);
  const entry = { atMs: 0, source: 'run', times: 1, text: 'Queue' } as const;
  act(() =>
    dashboard.store.setState({
      summary: summary({ history }),
      log: [
        { ...entry, id: 1, level: 'warning', timeS: 0.5 },
        { ...entry, id: 2, level: 'warning', timeS: 5 },
        { ...entry, id: 3, level: 'info', timeS: 6 },
      ],
    }),
  );
  const marks = [...container.querySelectorAll<HTMLElement>('.scrub-mark')];
  expect(marks.map(({ style }) => style.left)).toEqual(['50%']);
});
