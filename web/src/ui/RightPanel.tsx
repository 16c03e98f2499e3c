import { CamerasSection } from './CamerasSection';
import { InspectorSection } from './InspectorSection';
import { MetricsSection } from './MetricsSection';
import { PhasesSection } from './PhasesSection';
import { SidePanel } from './Panel';
import { QualitySection } from './QualitySection';

export function RightPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <SidePanel id="right-panel" label="Figures" side="right" open={open} onClose={onClose}>
      <InspectorSection />
      <CamerasSection />
      <MetricsSection />
      <PhasesSection />
      <QualitySection />
    </SidePanel>
  );
}
