/** Chooses the run. A native select: every keyboard, screen reader and phone knows it. */
import { effectiveState, runTitle } from '../state/runState';
import { useDash, useDashboard } from './context';

export function RunSelect() {
  const dashboard = useDashboard();
  const runs = useDash((state) => state.runs);
  const run = useDash((state) => state.run);
  const status = useDash((state) => state.runsStatus.state);
  const listed = runs.some((info) => info.id === run);
  const nothing = status === 'loading' ? 'Looking for runs…' : 'No run yet';
  return (
    <label className="run-select">
      <span className="visually-hidden">Run</span>
      <select
        data-testid="run-select"
        value={run ?? ''}
        onChange={(event) => dashboard.openRun(event.target.value)}
      >
        {run === null && <option value="">{nothing}</option>}
        {run !== null && !listed && <option value={run}>{run}</option>}
        {runs.map((info) => {
          const state = effectiveState(info);
          const title = runTitle(info);
          return (
            <option key={info.id} value={info.id}>
              {state === 'running' ? title : `${title} (${state})`}
            </option>
          );
        })}
      </select>
    </label>
  );
}
