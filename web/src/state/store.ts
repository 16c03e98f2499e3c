/** The state that React sees: small, immutable, and fed by the engine's summaries. The store has no React in it. */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { EntityMatch, FromEngine, Summary, TableWindow, ThemeName } from '../engine/bridge';
import type { Arrival } from '../engine/session';
import type { CommandName, Control, Level, RunInfo } from '../protocol/messages';
import { appendLog, type LogEntry } from './eventLog';
import { humanise } from './format';
import { MetricHistory } from './metricHistory';
import { aged, answered, settleAfterGap, type ParamChanges } from './paramState';
import { currentParams, withControl } from './runState';
import type { RunsStatus } from './runs';

export interface PendingCommand {
  name: CommandName;
  commandId: string;
  sinceMs: number;
}

export interface DashboardState {
  runs: readonly RunInfo[];
  runsStatus: RunsStatus;
  /** The run that is looked at. */
  run: string | null;
  info: RunInfo | null;
  summary: Summary | null;
  params: ParamChanges;
  /** Pause, resume or stop that waits for its answer. */
  command: PendingCommand | null;
  /** Why the last command failed; goes away by itself. */
  refusal: { text: string; sinceMs: number } | null;
  log: readonly LogEntry[];
  /** The connection is back, and whether something may have been missed; goes away by itself. */
  resumed: { gap: boolean; sinceMs: number } | null;
  /** The quality tier that the person wants: `auto`, or one of the five. */
  tierWish: TierWish;
  /** The part of the entity table that is in sight. */
  table: TableWindow | null;
  found: { query: string; matches: readonly EntityMatch[] };
  theme: ThemeName;
  history: MetricHistory;
}

export const TIERS = ['ultra_low', 'low', 'medium', 'high', 'ultra'] as const;
export type TierWish = 'auto' | (typeof TIERS)[number];

export type DashboardStore = StoreApi<DashboardState>;

const COMMAND_LIMIT_MS = 10_000;
const REFUSAL_SHOWN_MS = 8000;
const RESUMED_SHOWN_MS = 5000;
const NOTHING_FOUND = { query: '', matches: [] };

export function createDashboardStore(theme: ThemeName): DashboardStore {
  return createStore<DashboardState>(() => ({
    runs: [],
    runsStatus: { state: 'loading' },
    run: null,
    info: null,
    summary: null,
    params: {},
    command: null,
    refusal: null,
    log: [],
    resumed: null,
    tierWish: 'auto',
    table: null,
    found: NOTHING_FOUND,
    theme,
    history: new MetricHistory(),
  }));
}

/** Looks at another run: nothing of the old one may stay on the page but what the page said of itself. */
export function selectRun(store: DashboardStore, run: string | null): void {
  store.getState().history.clear();
  const log = store.getState().log.filter((entry) => entry.source === 'page');
  store.setState({
    run,
    info: null,
    params: {},
    command: null,
    refusal: null,
    resumed: null,
    table: null,
    found: NOTHING_FOUND,
    log,
  });
}

/** Takes a message of the engine. */
export function receive(store: DashboardStore, message: FromEngine, nowMs: number): void {
  const state = store.getState();
  switch (message.type) {
    case 'summary':
      store.setState({ summary: message.summary, ...timers(state, nowMs) });
      remember(state, message.summary);
      return;
    case 'arrival':
      if (message.run !== state.run) return;
      store.setState({
        info: message.info,
        resumed: resumed(state, message.arrival, nowMs),
        params:
          message.arrival === 'recovered' || message.arrival === 'again'
            ? state.params
            : settleAfterGap(state.params, currentParams(message.info), nowMs),
      });
      return;
    case 'info':
      if (message.info.id !== state.run) return;
      noteState(store, state.info, message.info);
      store.setState({ info: message.info });
      return;
    case 'control':
      if (message.run !== state.run || state.info === null) return;
      noteControl(store, state.info, message.control);
      store.setState({ info: withControl(state.info, message.control) });
      return;
    case 'result': {
      const { command_id: id, ok, error } = message.result;
      settle(store, id, ok, error ?? null, nowMs);
      return;
    }
    case 'command-refused':
      settle(store, message.commandId, false, message.error, nowMs);
      return;
    case 'table':
      store.setState({ table: message.window });
      return;
    case 'found':
      store.setState({ found: { query: message.query, matches: message.matches } });
      return;
    case 'image':
      // Pictures go straight to their canvases, see `cameras.ts`.
      return;
    case 'log': {
      const { level, text, timeS, atMs, source } = message;
      store.setState({ log: appendLog(state.log, { level, text, timeS, atMs, source }) });
    }
  }
}

function resumed(
  state: DashboardState,
  arrival: Arrival,
  nowMs: number,
): { gap: boolean; sinceMs: number } | null {
  if (arrival === 'again') return state.resumed;
  return arrival === 'first' ? null : { gap: arrival === 'gap', sinceMs: nowMs };
}

/** The answer to a command, wherever it came from. */
function settle(
  store: DashboardStore,
  commandId: string,
  ok: boolean,
  error: string | null,
  nowMs: number,
): void {
  const state = store.getState();
  const params = answered(state.params, commandId, ok, error, nowMs);
  const own = state.command?.commandId === commandId ? state.command : null;
  const command = own === null ? state.command : null;
  const known = own !== null || params !== state.params;
  // Another viewer's commands are answered on the same stream; they are not news here.
  if (!known) return;
  const text = error ?? 'The simulation refused.';
  if (ok) {
    store.setState({ params, command });
    return;
  }
  const what = own === null ? 'Parameter not changed' : `Could not ${own.name}`;
  store.setState({
    params,
    command,
    refusal: own === null ? state.refusal : { text: `${what}: ${text}`, sinceMs: nowMs },
  });
  note(store, 'error', `${what}: ${text}`);
}

function timers(state: DashboardState, nowMs: number): Partial<DashboardState> {
  const changed: Partial<DashboardState> = { params: aged(state.params, nowMs) };
  if (state.command !== null && nowMs - state.command.sinceMs > COMMAND_LIMIT_MS) {
    const seconds = COMMAND_LIMIT_MS / 1000;
    const text = `Could not ${state.command.name}: no answer within ${seconds} s.`;
    changed.command = null;
    changed.refusal = { text, sinceMs: nowMs };
  } else if (state.refusal !== null && nowMs - state.refusal.sinceMs > REFUSAL_SHOWN_MS) {
    changed.refusal = null;
  }
  if (state.resumed !== null && nowMs - state.resumed.sinceMs > RESUMED_SHOWN_MS) {
    changed.resumed = null;
  }
  return changed;
}

function remember(state: DashboardState, summary: Summary): void {
  if (!summary.hasFrame || summary.run !== state.run) return;
  // Metrics come more rarely than summaries: a point for each summary would draw stairs.
  const before = state.summary;
  const same = before?.run === summary.run && before.epoch === summary.epoch;
  if (same && before.metricsVersion === summary.metricsVersion) return;
  // Looking back is no new moment: the charts go on with the present.
  const { timeS, metrics } = summary.history?.at == null ? summary : summary.history.live;
  state.history.push(summary.epoch, timeS, metrics);
}

/** What anybody changed belongs in the log, told by what the simulation does and not by what was asked of it. */
function noteControl(store: DashboardStore, info: RunInfo, control: Control): void {
  const words: string[] = [];
  const before = info.control;
  if (before !== undefined && before.paused !== control.paused) {
    words.push(control.paused ? 'The simulation is paused.' : 'The simulation goes on.');
  }
  if (control.stopping && before?.stopping !== true) words.push('The simulation is stopping.');
  const values = currentParams(info);
  for (const [name, value] of Object.entries(control.params)) {
    const title = info.params?.[name]?.title || humanise(name);
    if (name in values && values[name] !== value) words.push(`${title} is now ${value}.`);
  }
  for (const text of words) note(store, 'info', text);
}

function note(store: DashboardStore, level: Level, text: string): void {
  const entry = { level, text, timeS: null, atMs: Date.now(), source: 'run' };
  store.setState(({ log }) => ({ log: appendLog(log, entry) }));
}

/** Changes of a run's state belong in the log. */
function noteState(store: DashboardStore, before: RunInfo | null, after: RunInfo): void {
  if (before === null || before.state === after.state) return;
  const lost = after.state === 'lost';
  const text = lost
    ? 'The simulation has gone without a word.'
    : after.state === 'ended'
      ? 'The run has ended.'
      : `The run is ${after.state}.`;
  note(store, lost ? 'error' : 'info', text);
}
