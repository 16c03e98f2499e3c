import { LayersSection } from './LayersSection';
import { ModulesSection } from './ModulesSection';
import { SidePanel } from './Panel';
import { ParamsSection } from './ParamsSection';

export function LeftPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <SidePanel
      id="left-panel"
      label="Entities and parameters"
      side="left"
      open={open}
      onClose={onClose}
    >
      <LayersSection />
      <ModulesSection />
      <ParamsSection />
    </SidePanel>
  );
}
