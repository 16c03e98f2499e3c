/** The whole scene in a corner, drawn by the engine on a canvas of its own; a click brings that place to the middle. */
import { useRef } from 'react';
import { useMinimap } from '../visualization/useVisualization';
import { useDashboard } from './context';

export function Minimap() {
  const { engine } = useDashboard();
  const host = useRef<HTMLDivElement>(null);
  useMinimap(host, engine);
  return <div ref={host} className="minimap over" data-testid="minimap" />;
}
