/** The page: a frame that is the same before, during and after a run, so that nothing ever jumps. */
import { useState } from 'react';
import { useStore } from 'zustand';
import type { Workspace } from '../state/workspace';
import { BottomDrawer, type BottomView } from './BottomDrawer';
import { DashboardContext } from './context';
import { Dock, type Drawer } from './Dock';
import { HelpDialog } from './HelpDialog';
import { LeftPanel } from './LeftPanel';
import { focusPanel, PANELS } from './panels';
import { Palette, type PaletteMode } from './Palette';
import { RightPanel } from './RightPanel';
import { Scenes } from './Scenes';
import { Scrubber } from './Scrubber';
import { StopDialog } from './StopDialog';
import { TopBar } from './TopBar';
import { useKeys, type PageActions } from './useKeys';

export function App({ workspace }: { workspace: Workspace }) {
  const { dashboards, focused } = useStore(workspace.store);
  const [help, setHelp] = useState(false);
  const [stopping, setStopping] = useState(false);
  const [palette, setPalette] = useState<PaletteMode | null>(null);
  const [bottom, setBottom] = useState<BottomView>('none');
  /** Which side panel lies over the scene, on narrow screens. */
  const [drawer, setDrawer] = useState<Drawer>(null);

  const actions: PageActions = {
    help: () => setHelp(true),
    stop: () => setStopping(true),
    palette: setPalette,
    bottom: (view) => setBottom((now) => (now === view ? 'none' : view)),
    panel: (number) => {
      const panel = PANELS[number - 1];
      if (panel === undefined) return;
      if (panel.place === 'bottom') setBottom('log');
      else setDrawer(panel.place);
      focusPanel(panel.id);
    },
    escape: () => {
      const open = drawer !== null;
      setDrawer(null);
      return open;
    },
  };
  const dashboard = dashboards[focused] ?? workspace.focused;
  useKeys(dashboard, actions);

  return (
    <DashboardContext value={dashboard}>
      <div className="app" data-drawer={drawer ?? 'none'}>
        <TopBar actions={actions} />
        <LeftPanel open={drawer === 'left'} onClose={() => setDrawer(null)} />
        <main className="centre">
          <Scenes workspace={workspace} />
          <Scrubber />
          <BottomDrawer view={bottom} onView={setBottom} />
        </main>
        <RightPanel open={drawer === 'right'} onClose={() => setDrawer(null)} />
        <Dock
          drawer={drawer}
          onDrawer={(next) => setDrawer(next === drawer ? null : next)}
          onStop={actions.stop}
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
        {palette !== null && (
          <Palette
            mode={palette}
            workspace={workspace}
            actions={actions}
            onClose={() => setPalette(null)}
          />
        )}
      </div>
    </DashboardContext>
  );
}
