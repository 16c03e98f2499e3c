/**
 * The life of one parameter's change: pending until the simulation has answered, then acknowledged or rejected.
 *
 * Nothing here guesses: a value counts as taken only when a `result` says so, or, when the answer was lost with a connection,
 * when the control state shows that very value. Pure functions; time is passed in.
 */
import type { ParamValue } from '../protocol/messages';

export type ParamPhase = 'idle' | 'pending' | 'ok' | 'rejected';

export interface ParamChange {
  phase: ParamPhase;
  /** The value that was asked for. */
  wanted: ParamValue | null;
  commandId: string | null;
  error: string | null;
  /** Since when it has been in this phase. */
  sinceMs: number;
}

export type ParamChanges = Readonly<Record<string, ParamChange>>;

export const ANSWER_LIMIT_MS = 10_000;
/** How long "acknowledged" stays before the mark goes away. */
export const OK_SHOWN_MS = 2500;

export const IDLE: ParamChange = {
  phase: 'idle',
  wanted: null,
  commandId: null,
  error: null,
  sinceMs: 0,
};

export function asked(
  changes: ParamChanges,
  name: string,
  wanted: ParamValue,
  commandId: string,
  nowMs: number,
): ParamChanges {
  return {
    ...changes,
    [name]: { phase: 'pending', wanted, commandId, error: null, sinceMs: nowMs },
  };
}

/** The answer to one command. Answers to other commands (an older change of the same parameter) change nothing. */
export function answered(
  changes: ParamChanges,
  commandId: string,
  ok: boolean,
  error: string | null,
  nowMs: number,
): ParamChanges {
  return map(changes, (change) => {
    if (change.phase !== 'pending' || change.commandId !== commandId) return change;
    if (ok) return { ...change, phase: 'ok', error: null, sinceMs: nowMs };
    return rejected(change, error ?? 'The simulation refused this value.', nowMs);
  });
}

/** After a gap the answer may be lost for good: the control state tells whether the value was taken. */
export function settleAfterGap(
  changes: ParamChanges,
  values: Readonly<Record<string, ParamValue>>,
  nowMs: number,
): ParamChanges {
  return map(changes, (change, name) => {
    if (change.phase !== 'pending') return change;
    if (values[name] === change.wanted) return { ...change, phase: 'ok', sinceMs: nowMs };
    return rejected(change, 'The connection was lost before an answer came.', nowMs);
  });
}

/** Lets marks of success fade and unanswered changes fail. */
export function aged(changes: ParamChanges, nowMs: number): ParamChanges {
  return map(changes, (change) => {
    const forMs = nowMs - change.sinceMs;
    if (change.phase === 'ok' && forMs >= OK_SHOWN_MS) return IDLE;
    if (change.phase === 'pending' && forMs >= ANSWER_LIMIT_MS) {
      return rejected(change, `No answer within ${ANSWER_LIMIT_MS / 1000} s.`, nowMs);
    }
    return change;
  });
}

/** The person edits the field again: an old rejection has been read. */
export function cleared(changes: ParamChanges, name: string): ParamChanges {
  return changes[name]?.phase === 'rejected' ? { ...changes, [name]: IDLE } : changes;
}

function rejected(change: ParamChange, error: string, nowMs: number): ParamChange {
  return { ...change, phase: 'rejected', error, sinceMs: nowMs };
}

/** Answers the same object when nothing changed, so that a store need not tell anybody. */
function map(
  changes: ParamChanges,
  next: (change: ParamChange, name: string) => ParamChange,
): ParamChanges {
  let result: Record<string, ParamChange> | null = null;
  for (const [name, change] of Object.entries(changes)) {
    const after = next(change, name);
    if (after !== change) {
      result ??= { ...changes };
      result[name] = after;
    }
  }
  return result ?? changes;
}
