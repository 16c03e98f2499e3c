/** Which entity was meant by a click. */
import { toScreen, type Camera, type Point, type Size } from './camera';
import type { DrawList } from './drawList';

export interface Picked {
  layer: string;
  id: number;
}

const REACH_PX = 16;

/** The entity drawn nearest to `at` (CSS pixels), within reach; entities win over signal heads. */
export function pick(
  lists: ReadonlyMap<string, DrawList>,
  camera: Camera,
  size: Size,
  at: Point,
  alpha: number,
): Picked | null {
  let best: Picked | null = null;
  let bestDistance = Infinity;
  for (const [layer, list] of lists) {
    if (list.role !== 'entities' && list.role !== 'lights') continue;
    const handicap = list.role === 'lights' ? 6 : 0;
    for (let row = 0; row < list.count; row++) {
      const screen = toScreen(camera, size, list.pose(row, alpha));
      const distance = Math.hypot(screen.x - at.x, screen.y - at.y);
      if (distance <= REACH_PX && distance + handicap < bestDistance) {
        bestDistance = distance + handicap;
        best = { layer, id: list.ids[row] ?? 0 };
      }
    }
  }
  return best;
}
