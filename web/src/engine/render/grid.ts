/** The grid that is drawn where there is no map: lines at powers of ten of the scene's unit. */
import type { View } from './renderer';

/** Lines are at least this far apart on the screen, in CSS pixels. */
const GRID_PX = 72;

export interface Grid {
  /** The visible world: x0, y0, x1, y1. */
  box: readonly [number, number, number, number];
  firstX: number;
  firstY: number;
  step: number;
  /** How many lines of either direction. */
  upright: number;
  level: number;
}

export function gridOf({ camera, width, height }: Pick<View, 'camera' | 'width' | 'height'>): Grid {
  const halfWidth = width / 2 / camera.scale;
  const halfHeight = height / 2 / camera.scale;
  const box = [
    camera.x - halfWidth,
    camera.y - halfHeight,
    camera.x + halfWidth,
    camera.y + halfHeight,
  ] as const;
  const step = 10 ** Math.ceil(Math.log10(GRID_PX / camera.scale));
  const firstX = Math.ceil(box[0] / step) * step;
  const firstY = Math.ceil(box[1] / step) * step;
  const upright = Math.max(0, Math.floor((box[2] - firstX) / step) + 1);
  const level = Math.max(0, Math.floor((box[3] - firstY) / step) + 1);
  return { box, firstX, firstY, step, upright, level };
}

/** The grid as an SVG path in CSS pixels. */
export function gridPath(view: Pick<View, 'camera' | 'width' | 'height'>): string {
  const { box, firstX, firstY, step, upright, level } = gridOf(view);
  const { scale } = view.camera;
  const parts: string[] = [];
  for (let i = 0; i < upright; i++) {
    parts.push(`M${pixel((firstX + i * step - box[0]) * scale)} 0V${view.height}`);
  }
  for (let i = 0; i < level; i++) {
    parts.push(`M0 ${pixel((box[3] - firstY - i * step) * scale)}H${view.width}`);
  }
  return parts.join('');
}

/** In the middle of a pixel, where a thin line is sharp. */
function pixel(value: number): number {
  return Math.round(value) + 0.5;
}
