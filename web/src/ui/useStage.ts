/** The scene's drawing and its gestures. */
import { useEffect, type RefObject } from 'react';
import type { Dashboard } from '../state/dashboard';
import { drawingFromQuery } from '../state/route';
import { useVisualization } from '../visualization/useVisualization';

const CLICK_SLOP_PX = 5;
const KEY_PAN_PX = 60;
/** `?drawing=svg|canvas|webgl` overrides the choice by size. */
const DRAWING = { tier: drawingFromQuery(location.search) };

export function useStage(host: RefObject<HTMLDivElement | null>, dashboard: Dashboard): void {
  useVisualization(host, dashboard.engine, dashboard.start, DRAWING);
  useEffect(() => {
    const element = host.current;
    return element === null ? undefined : listen(element, dashboard);
  }, [host, dashboard]);
}

interface Touch {
  x: number;
  y: number;
}

function listen(element: HTMLElement, dashboard: Dashboard): () => void {
  const touches = new Map<number, Touch>();
  let travelled = 0;

  const at = (event: { clientX: number; clientY: number }): Touch => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const down = (event: PointerEvent): void => {
    // Buttons that lie over the scene are not the scene, and neither are the icons in them, which are no HTML.
    if (event.target instanceof Element && event.target.closest('.over') !== null) return;
    if (touches.size === 0) travelled = 0;
    touches.set(event.pointerId, at(event));
    element.setPointerCapture(event.pointerId);
  };
  const move = (event: PointerEvent): void => {
    const before = touches.get(event.pointerId);
    if (before === undefined) return;
    const now = at(event);
    const other = [...touches].find(([id]) => id !== event.pointerId)?.[1];
    touches.set(event.pointerId, now);
    travelled += Math.hypot(now.x - before.x, now.y - before.y);
    if (travelled < CLICK_SLOP_PX) return;
    // With two fingers each one moves the middle by half of its own way.
    const share = other === undefined ? 1 : 0.5;
    dashboard.send({ type: 'pan', dx: (now.x - before.x) * share, dy: (now.y - before.y) * share });
    if (other === undefined) return;
    const factor = distance(now, other) / Math.max(1, distance(before, other));
    dashboard.send({ type: 'zoom', x: (now.x + other.x) / 2, y: (now.y + other.y) / 2, factor });
  };
  const up = (event: PointerEvent): void => {
    if (!touches.delete(event.pointerId)) return;
    const tapped = event.type === 'pointerup' && touches.size === 0 && travelled < CLICK_SLOP_PX;
    if (tapped) dashboard.send({ type: 'click', ...at(event) });
  };
  const wheel = (event: WheelEvent): void => {
    event.preventDefault();
    // A pinch on a touchpad arrives as a wheel with ctrl, in much smaller steps.
    const speed = event.ctrlKey ? 0.01 : event.deltaMode === 1 ? 0.05 : 0.0015;
    dashboard.send({ type: 'zoom', ...at(event), factor: Math.exp(-event.deltaY * speed) });
  };
  const key = (event: KeyboardEvent): void => {
    if (event.target !== element) return;
    const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[
      event.key
    ];
    const [dx, dy] = way ?? [0, 0];
    const middle = { x: element.clientWidth / 2, y: element.clientHeight / 2 };
    if (way !== undefined) {
      dashboard.send({ type: 'pan', dx: (dx ?? 0) * KEY_PAN_PX, dy: (dy ?? 0) * KEY_PAN_PX });
    } else if (event.key === '+' || event.key === '=') {
      dashboard.send({ type: 'zoom', ...middle, factor: 1.25 });
    } else if (event.key === '-') {
      dashboard.send({ type: 'zoom', ...middle, factor: 0.8 });
    } else return;
    event.preventDefault();
  };

  element.addEventListener('pointerdown', down);
  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('wheel', wheel, { passive: false });
  element.addEventListener('keydown', key);
  return () => {
    element.removeEventListener('pointerdown', down);
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerup', up);
    element.removeEventListener('pointercancel', up);
    element.removeEventListener('wheel', wheel);
    element.removeEventListener('keydown', key);
  };
}

function distance(a: Touch, b: Touch): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
