/** The scenes of all runs that are looked at, side by side; the one that is touched gets the panels. */
import { useStore } from 'zustand';
import { runTitle } from '../state/runState';
import type { Workspace } from '../state/workspace';
import { DashboardContext, useDash } from './context';
import { Icon } from './icons';
import { SceneView } from './SceneView';
import { StatePill } from './StatePill';

export function Scenes({ workspace }: { workspace: Workspace }) {
  const { dashboards, focused } = useStore(workspace.store);
  const several = dashboards.length > 1;
  return (
    <div className="scenes" data-count={dashboards.length}>
      {dashboards.map((dashboard, at) => (
        <DashboardContext key={dashboard.id} value={dashboard}>
          <section
            className="tile"
            data-focused={several && at === focused}
            data-testid="tile"
            aria-label={several ? `Run ${at + 1} of ${dashboards.length}` : 'Run'}
            onPointerDownCapture={() => workspace.focus(at)}
            onFocusCapture={() => workspace.focus(at)}
          >
            {several && <TileHead onClose={(run) => workspace.closeRun(run)} />}
            <SceneView />
          </section>
        </DashboardContext>
      ))}
    </div>
  );
}

function TileHead({ onClose }: { onClose: (run: string) => void }) {
  const run = useDash((state) => state.run);
  const title = useDash((state) => (state.info === null ? state.run : runTitle(state.info)));
  return (
    <header className="tile-head">
      <h2>{title}</h2>
      <StatePill />
      <span className="spacer" />
      <button
        type="button"
        className="icon-button small"
        aria-label={`Close ${title ?? 'the run'}`}
        onClick={() => run !== null && onClose(run)}
      >
        <Icon name="close" />
      </button>
    </header>
  );
}
