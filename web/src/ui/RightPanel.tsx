import { useEffect, useState } from 'react';
import { CamerasSection } from './CamerasSection';
import { InspectorSection } from './InspectorSection';
import { MetricsSection } from './MetricsSection';
import { PhasesSection } from './PhasesSection';
import { useDashboard } from './context';
import { InTurn } from './InTurn';
import { PanelSkeleton, SidePanel } from './Panel';
import { QualitySection } from './QualitySection';
import { NARROW, useMedia } from './useMedia';

export function RightPanel({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dashboard = useDashboard();
  const narrow = useMedia(NARROW);
  const [cameras, setCameras] = useState(true);
  const looking = cameras && (open || !narrow);
  // Pictures that nobody looks at are not sent: they are most of what a run with cameras costs.
  useEffect(() => {
    dashboard.showImages(looking);
    return () => dashboard.showImages(false);
  }, [dashboard, looking]);
  return (
    <SidePanel id="right-panel" label="Figures" side="right" open={open} onClose={onClose}>
      <InTurn skeleton={<PanelSkeleton titles={['Inspector', 'Metrics']} />}>
        <InspectorSection />
        <CamerasSection open={cameras} onOpen={setCameras} />
        <MetricsSection />
        <PhasesSection />
        <QualitySection />
      </InTurn>
    </SidePanel>
  );
}
