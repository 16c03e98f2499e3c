import { expect, test } from 'vitest';
import type { Summary } from '../../src/engine/bridge';
import type { RunInfo } from '../../src/protocol/messages';
import { isDimmed, sceneCondition } from '../../src/state/sceneCondition';
import { info } from '../helpers';
import { link, summary } from './summaries';

function condition(given: {
  summary?: Summary | null;
  info?: RunInfo | null;
  run?: string | null;
  runs?: RunInfo[];
  failed?: boolean;
  resumed?: { gap: boolean; sinceMs: number };
}) {
  return sceneCondition({
    summary: given.summary === undefined ? summary() : given.summary,
    info: given.info === undefined ? info() : given.info,
    run: given.run === undefined ? 'town' : given.run,
    runs: given.runs ?? [],
    resumed: given.resumed ?? null,
    runsStatus:
      given.failed === true ? { state: 'failed', cause: 'c', remedy: 'r' } : { state: 'ok' },
  });
}

test('a running simulation whose frames arrive is live', () => {
  expect(condition({}).kind).toBe('live');
});

test('before the first summary, and during the first attempt, it is connecting', () => {
  expect(condition({ summary: null }).kind).toBe('connecting');
  expect(condition({ summary: summary({ link: link({ state: 'connecting' }) }) }).kind).toBe(
    'connecting',
  );
});

test('a lost connection shows its countdown and takes the colours away', () => {
  const lost = condition({
    summary: summary({ link: link({ state: 'reconnecting', attempt: 2, retryInMs: 800 }) }),
  });
  expect(lost).toMatchObject({ kind: 'reconnecting', retryInMs: 800 });
  expect(isDimmed(lost)).toBe(true);
});

test('a new attempt after a loss is still a loss', () => {
  const trying = condition({
    summary: summary({ link: link({ state: 'connecting', attempt: 2 }) }),
  });
  expect(trying.kind).toBe('reconnecting');
});

test('a closed connection says what to do', () => {
  const closed = link({
    state: 'closed',
    cause: 'No.',
    remedy: 'Ask.',
    needsToken: true,
    closeCode: 4401,
  });
  expect(condition({ summary: summary({ link: closed }) })).toMatchObject({
    kind: 'closed',
    needsToken: true,
    code: 4401,
  });
});

test('silence is stale only while the run is running', () => {
  const silent = summary({ silentMs: 1500 });
  expect(condition({ summary: silent }).kind).toBe('stale');
  expect(condition({ summary: silent, info: info({ state: 'paused' }) }).kind).toBe('paused');
  expect(condition({ summary: silent, info: info({ state: 'ended' }) }).kind).toBe('ended');
  expect(condition({ summary: silent, info: info({ state: 'lost' }) }).kind).toBe('lost');
});

test('a control state that is paused makes a running run paused', () => {
  const control = { paused: true, stopping: false, params: {} };
  expect(condition({ info: info({ control }) }).kind).toBe('paused');
});

test('without a frame it waits, without a run it says so', () => {
  expect(condition({ summary: summary({ hasFrame: false }) }).kind).toBe('waiting');
  expect(condition({ run: null, info: null }).kind).toBe('no-runs');
  expect(condition({ run: null, info: null, failed: true }).kind).toBe('gateway-down');
});

test('a browser that cannot draw is told so', () => {
  const renderer = { state: 'unsupported', cause: 'no WebGL2' } as const;
  expect(condition({ summary: summary({ renderer }) })).toMatchObject({ kind: 'unsupported' });
  expect(condition({ summary: summary({ renderer: { state: 'lost' } }) }).kind).toBe(
    'context-lost',
  );
});

test('a connection that is too slow says how many frames it was spared', () => {
  expect(condition({ summary: summary({ skipped: 12 }) })).toEqual({ kind: 'slow', skipped: 12 });
});

test('after a resume it says for a while whether something may have been missed', () => {
  const gap = condition({ resumed: { gap: true, sinceMs: 0 }, summary: summary({ skipped: 3 }) });
  expect(gap).toEqual({ kind: 'resumed', gap: true });
});

test('frames that stop coming matter more than that the connection is back', () => {
  const silent = summary({ silentMs: 5000 });
  const stale = condition({ resumed: { gap: false, sinceMs: 0 }, summary: silent });
  expect(stale.kind).toBe('stale');
});
