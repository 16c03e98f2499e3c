/** Whether this viewer can steer the run now, and if not, why. */
import type { RunState } from '../protocol/messages';
import { effectiveState, isLive } from '../state/runState';
import { useDash } from './context';

export interface Steering {
  state: RunState | null;
  /** Null when steering works. */
  why: string | null;
}

export function useSteering(): Steering {
  const state = useDash((dash) => (dash.info === null ? null : effectiveState(dash.info)));
  const link = useDash((dash) => dash.summary?.link.state ?? 'idle');
  const role = useDash((dash) => dash.summary?.link.role ?? null);
  return { state, why: steeringBarrier(state, link, role) };
}

/** Why nobody can steer now; null when it works. */
export function steeringBarrier(
  state: RunState | null,
  link: string,
  role: string | null,
): string | null {
  if (link !== 'open') return 'Not connected';
  if (state === null) return 'No run';
  // No role is known before the token is checked; then the gateway decides when it comes to it.
  if (role !== null && role !== 'controller' && role !== 'admin') {
    return `Your role is ${role}; steering needs the role controller`;
  }
  if (state === 'ended') return 'The run has ended';
  if (state === 'lost') return 'The simulation has gone';
  if (!isLive(state)) return `The run is ${state}`;
  return null;
}
