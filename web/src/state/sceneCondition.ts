/** Which of the honest states the scene is in, from what is known. A pure function; the overlay only words it. */
import { effectiveState } from './runState';
import type { DashboardState } from './store';

export type SceneCondition =
  | { kind: 'unsupported'; cause: string }
  | { kind: 'context-lost' }
  | { kind: 'gateway-down'; cause: string; remedy: string }
  | { kind: 'connecting' }
  | { kind: 'no-runs' }
  | { kind: 'closed'; cause: string; remedy: string; needsToken: boolean; code: number | null }
  | { kind: 'reconnecting'; retryInMs: number | null; attempt: number; cause: string }
  | { kind: 'waiting' }
  | { kind: 'stale'; silentMs: number }
  | { kind: 'past'; behindS: number }
  | { kind: 'paused' }
  | { kind: 'stopping' }
  | { kind: 'ended' }
  | { kind: 'lost' }
  /** The connection is too slow: the newest is shown, others were skipped. */
  | { kind: 'slow'; skipped: number }
  | { kind: 'resumed'; gap: boolean }
  | { kind: 'live' };

type Known = Pick<DashboardState, 'summary' | 'info' | 'run' | 'runs' | 'runsStatus' | 'resumed'>;

export function sceneCondition(known: Known): SceneCondition {
  const { summary, info, run, runs, runsStatus } = known;
  if (summary === null) return { kind: 'connecting' };
  const { link, renderer } = summary;
  if (link.state === 'closed') {
    return {
      kind: 'closed',
      cause: link.cause ?? 'The connection is closed.',
      remedy: link.remedy ?? '',
      needsToken: link.needsToken,
      code: link.closeCode,
    };
  }
  if (link.state !== 'open') {
    if (link.attempt === 0) return { kind: 'connecting' };
    const cause = link.cause ?? 'The connection was lost.';
    return { kind: 'reconnecting', retryInMs: link.retryInMs, attempt: link.attempt, cause };
  }
  if (renderer.state === 'unsupported') return { kind: 'unsupported', cause: renderer.cause };
  if (renderer.state === 'lost') return { kind: 'context-lost' };
  if (run === null) {
    if (runsStatus.state === 'failed') {
      return { kind: 'gateway-down', cause: runsStatus.cause, remedy: runsStatus.remedy };
    }
    return runsStatus.state === 'ok' && runs.length === 0
      ? { kind: 'no-runs' }
      : { kind: 'connecting' };
  }
  const { history } = summary;
  if (history !== null && history.at !== null) return { kind: 'past', behindS: history.behindS };
  const state = info === null ? null : effectiveState(info);
  if (state === 'ended' || state === 'lost') return { kind: state };
  if (!summary.hasFrame) return { kind: 'waiting' };
  if (state === 'paused' || state === 'stopping') return { kind: state };
  const { silentMs, staleAfterMs } = summary;
  if (silentMs !== null && silentMs > staleAfterMs) return { kind: 'stale', silentMs };
  if (known.resumed !== null) return { kind: 'resumed', gap: known.resumed.gap };
  if (summary.skipped > 0) return { kind: 'slow', skipped: summary.skipped };
  return { kind: 'live' };
}

/** Whether what is on the canvas may be out of date, so that it is shown without its colours. */
export function isDimmed(condition: SceneCondition): boolean {
  const { kind } = condition;
  return kind === 'stale' || kind === 'reconnecting' || kind === 'closed' || kind === 'lost';
}
