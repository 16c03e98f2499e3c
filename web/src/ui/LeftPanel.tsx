import { LayersSection } from './LayersSection';
import { ModulesSection } from './ModulesSection';
import { InTurn } from './InTurn';
import { PanelSkeleton, SidePanel } from './Panel';
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
      <InTurn skeleton={<PanelSkeleton titles={['Entities', 'Parameters']} />}>
        <LayersSection />
        <ModulesSection />
        <ParamsSection />
      </InTurn>
    </SidePanel>
  );
}
