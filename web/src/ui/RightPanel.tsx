import { InspectorSection } from './InspectorSection';
import { MetricsSection } from './MetricsSection';
import { PhasesSection } from './PhasesSection';
import { SidePanel } from './Panel';

export function RightPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <SidePanel id="right-panel" label="Figures" side="right" open={open} onClose={onClose}>
      <InspectorSection />
      <MetricsSection />
      <PhasesSection />
    </SidePanel>
  );
}
