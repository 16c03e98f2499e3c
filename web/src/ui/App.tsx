/** The page: a frame that is the same before, during and after a run, so that nothing ever jumps. */
import { useState } from 'react';
import type { Dashboard } from '../state/dashboard';
import { DashboardContext } from './context';
import { HelpDialog } from './HelpDialog';
import { LeftPanel } from './LeftPanel';
import { LogDrawer } from './LogDrawer';
import { RightPanel } from './RightPanel';
import { SceneView } from './SceneView';
import { StopDialog } from './StopDialog';
import { Dock, type Drawer } from './Dock';
import { TopBar } from './TopBar';
import { useKeys } from './useKeys';

export function App({ dashboard }: { dashboard: Dashboard }) {
  const [help, setHelp] = useState(false);
  const [stopping, setStopping] = useState(false);
  const [logOpen, setLogOpen] = useState(false);
  /** Which side panel lies over the scene, on narrow screens. */
  const [drawer, setDrawer] = useState<Drawer>(null);

  useKeys(dashboard, {
    help: () => setHelp(true),
    log: () => setLogOpen((open) => !open),
    escape: () => setDrawer(null),
  });

  return (
    <DashboardContext value={dashboard}>
      <div className="app" data-drawer={drawer ?? 'none'}>
        <TopBar onStop={() => setStopping(true)} onHelp={() => setHelp(true)} />
        <LeftPanel open={drawer === 'left'} onClose={() => setDrawer(null)} />
        <main className="centre">
          <SceneView />
          <LogDrawer open={logOpen} onToggle={() => setLogOpen(!logOpen)} />
        </main>
        <RightPanel open={drawer === 'right'} onClose={() => setDrawer(null)} />
        <Dock
          drawer={drawer}
          onDrawer={(next) => setDrawer(next === drawer ? null : next)}
          onStop={() => setStopping(true)}
        />
        {drawer !== null && (
          <button
            type="button"
            className="backdrop"
            aria-label="Close the panel"
            onClick={() => setDrawer(null)}
          />
        )}
        <StopDialog open={stopping} onClose={() => setStopping(false)} />
        <HelpDialog open={help} onClose={() => setHelp(false)} />
      </div>
    </DashboardContext>
  );
}
