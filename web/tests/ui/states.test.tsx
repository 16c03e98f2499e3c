/** The states that never lie: each is told in words, with what can be done about it. */
import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import type { DashboardState } from '../../src/state/store';
import { MetricsSection } from '../../src/ui/MetricsSection';
import { ParamsSection } from '../../src/ui/ParamsSection';
import { SceneOverlay } from '../../src/ui/SceneOverlay';
import { info } from '../helpers';
import { link, summary } from '../state/summaries';
import { show } from './render';

afterEach(cleanup);

const lost = link({ state: 'reconnecting', attempt: 2, retryInMs: 1200, cause: 'Gone.' });

/** The kind of state, what the page says, and what it says where nobody sees it. */
const STATES: readonly (readonly [string, Partial<DashboardState>, RegExp])[] = [
  ['connecting', { summary: null }, /Connecting to the gateway/],
  [
    'no-runs',
    { run: null, info: null, runs: [], runsStatus: { state: 'ok' } },
    /redis-cli SADD lc:runs hello/,
  ],
  ['waiting', { summary: summary({ hasFrame: false }) }, /XADD 'lc:{town}:in:high'/],
  [
    'gateway-down',
    { run: null, runsStatus: { state: 'failed', cause: 'No answer.', remedy: 'Start it.' } },
    /No answer\..*Start it\./,
  ],
  [
    'closed',
    { summary: summary({ link: link({ state: 'closed', cause: 'Refused.', remedy: 'Ask.' }) }) },
    /Refused\..*Ask\./,
  ],
  ['reconnecting', { summary: summary({ link: lost }) }, /Gone\. Trying again in 2 s/],
  ['stale', { summary: summary({ silentMs: 2400 }) }, /No frame for 2\.4 s/],
  ['slow', { summary: summary({ skipped: 12 }) }, /showing latest; 12 skipped/],
  ['resumed', { resumed: { gap: false, sinceMs: 0 } }, /Back: nothing was missed/],
  ['resumed', { resumed: { gap: true, sinceMs: 0 } }, /Back with a gap/],
  ['paused', { info: info({ state: 'paused' }) }, /Paused at 0:12\.5/],
  ['stopping', { info: info({ state: 'stopping' }) }, /Stopping/],
  ['ended', { info: info({ state: 'ended' }) }, /Ended at 0:12\.5\. These are the final figures/],
  ['lost', { info: info({ state: 'lost' }) }, /gone without a word/],
  [
    'context-lost',
    { summary: summary({ renderer: { state: 'lost' } }) },
    /took the graphics context.*Figures go on/,
  ],
  [
    'unsupported',
    { summary: summary({ renderer: { state: 'unsupported', cause: 'no WebGL2 here' } }) },
    /no WebGL2 here.*Figures, log and controls work/,
  ],
];

test.each(STATES)('%s is told in words', (kind, state, words) => {
  const { container, dashboard } = show(<SceneOverlay />);
  act(() => dashboard.store.setState(state));
  expect(container.querySelector('.overlay')?.getAttribute('data-condition')).toBe(kind);
  expect(container.textContent).toMatch(words);
});

test('while all is well nothing lies over the scene', () => {
  const { container } = show(<SceneOverlay />);
  expect(container.textContent).toBe('');
});

test('a countdown is spoken once, not ten times a second', () => {
  const { container, dashboard } = show(<SceneOverlay />);
  act(() => dashboard.store.setState({ summary: summary({ link: lost }) }));
  const spoken = container.querySelector('[aria-live=polite]');
  expect(spoken?.textContent).toBe('The connection was lost. Trying again.');
  const later = summary({ link: { ...lost, retryInMs: 100 } });
  act(() => dashboard.store.setState({ summary: later }));
  expect(spoken?.textContent).toBe('The connection was lost. Trying again.');
  expect(container.querySelectorAll('[role=status], [role=alert]')).toHaveLength(0);
});

test('the message that a command was refused goes before everything else', () => {
  const { container, dashboard } = show(<SceneOverlay />);
  act(() => dashboard.store.setState({ refusal: { text: 'Could not pause: no.', sinceMs: 0 } }));
  expect(container.textContent).toMatch(/Could not pause/);
});

test('only a token helps: it is asked for, and sent', () => {
  const { dashboard, told } = show(<SceneOverlay />);
  const closed = link({ state: 'closed', needsToken: true, cause: 'A token is needed.' });
  act(() => dashboard.store.setState({ summary: summary({ link: closed }) }));
  fireEvent.change(screen.getByLabelText('Access token'), { target: { value: ' abc ' } });
  fireEvent.click(screen.getByText('Connect'));
  expect(told).toEqual([{ type: 'token', token: 'abc' }]);
});

test('before the first answer the panels hold the place of what will come', () => {
  const { container, dashboard } = show(
    <>
      <ParamsSection />
      <MetricsSection />
    </>,
  );
  act(() => dashboard.store.setState({ summary: null, info: null }));
  expect(container.querySelectorAll('.skeleton')).toHaveLength(2);
});
