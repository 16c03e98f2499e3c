/** The whole scene in a corner, drawn by the engine on a canvas of its own; a click brings that place to the middle. */
import { useEffect, useRef } from 'react';
import { useDashboard } from './context';

const SIZE = { width: 180, height: 130 };
const MAX_RATIO = 2;

export function Minimap() {
  const dashboard = useDashboard();
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const canvas = document.createElement('canvas');
    if (typeof canvas.transferControlToOffscreen !== 'function') return;
    element.append(canvas);
    const offscreen = canvas.transferControlToOffscreen();
    const ratio = Math.min(devicePixelRatio || 1, MAX_RATIO);
    dashboard.send({ type: 'minimap', canvas: offscreen, ...SIZE, ratio }, [offscreen]);
    return () => {
      dashboard.send({ type: 'minimap', canvas: null, ...SIZE, ratio });
      canvas.remove();
    };
  }, [dashboard]);
  return (
    // With the keyboard the scene itself is moved, by the arrow keys.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions
    <div
      ref={host}
      className="minimap over"
      data-testid="minimap"
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const [x, y] = [event.clientX - box.left, event.clientY - box.top];
        dashboard.send({ type: 'minimap-go', x, y });
      }}
    />
  );
}
