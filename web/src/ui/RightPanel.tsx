import { CamerasSection } from './CamerasSection';
import { InspectorSection } from './InspectorSection';
import { MetricsSection } from './MetricsSection';
import { PhasesSection } from './PhasesSection';
import { InTurn } from './InTurn';
import { PanelSkeleton, SidePanel } from './Panel';
import { QualitySection } from './QualitySection';

export function RightPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <SidePanel id="right-panel" label="Figures" side="right" open={open} onClose={onClose}>
      <InTurn skeleton={<PanelSkeleton titles={['Inspector', 'Metrics']} />}>
        <InspectorSection />
        <CamerasSection />
        <MetricsSection />
        <PhasesSection />
        <QualitySection />
      </InTurn>
    </SidePanel>
  );
}
