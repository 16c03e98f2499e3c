/** Keeps the info of the watched run in step with what its messages say. Pure functions. */
import type { Control, RunInfo, RunState } from '../protocol/messages';

/** The state to show: what the run says of itself, made exact by its control state. */
export function effectiveState(info: RunInfo): RunState {
  const { state, control } = info;
  if (state !== 'running' && state !== 'paused') return state;
  if (control?.stopping === true) return 'stopping';
  return control?.paused === true ? 'paused' : state;
}

/** What a run is called: not every producer gives a title. */
export function runTitle(info: RunInfo): string {
  return info.title || info.id;
}

/** A control state is newer than the info it is merged into. */
export function withControl(info: RunInfo, control: Control): RunInfo {
  const { state } = info;
  const alive = state === 'created' || state === 'running' || state === 'paused';
  const next = control.paused ? 'paused' : state === 'paused' ? 'running' : state;
  return { ...info, control, state: alive ? next : state };
}

/** The values that the simulation really uses now. */
export function currentParams(info: RunInfo): Record<string, number | boolean | string> {
  const values: Record<string, number | boolean | string> = {};
  for (const [name, param] of Object.entries(info.params ?? {})) {
    const value = info.control?.params?.[name] ?? param.value;
    if (value != null) values[name] = value;
  }
  return values;
}

/** Whether there is still something to steer. */
export function isLive(state: RunState | null): boolean {
  return state === 'created' || state === 'running' || state === 'paused';
}
