/** Where entities came from: their places of the last seconds, bounded in time and in number. */
import { FLOATS, type DrawList } from './drawList';
import { LINE_FLOATS, LINE_KIND, style, type LineList } from './lineList';
import { COLOUR } from './layerStyle';

/** Simulation seconds that a trail reaches back. */
export const TRAIL_S = 8;
const MOST_POINTS = 24;
/** Layers with more entities have no trails: they would be one carpet. */
export const TRAIL_ENTITIES = 2000;
const NEXT_POINT_S = TRAIL_S / MOST_POINTS;
/** A trail does not cross a jump: an entity that was put elsewhere left no way. */
const JUMP_MPS = 120;

interface Trail {
  /** x, y, time, … from the oldest on. */
  points: number[];
  seen: number;
}

export class Trails {
  private readonly byId = new Map<number, Trail>();
  private round = 0;

  /** Notes where the layer's entities are; times that step back begin anew. */
  note(list: DrawList, timeS: number): void {
    this.round += 1;
    if (list.count > TRAIL_ENTITIES) {
      this.byId.clear();
      return;
    }
    for (let row = 0; row < list.count; row++) {
      const id = list.ids[row] ?? 0;
      // The place that it is shown at now, not the one that it moves to: a trail must not run ahead.
      const x = list.texels[row * FLOATS] ?? 0;
      const y = list.texels[row * FLOATS + 1] ?? 0;
      let trail = this.byId.get(id);
      if (trail === undefined) {
        trail = { points: [], seen: 0 };
        this.byId.set(id, trail);
      }
      trail.seen = this.round;
      extend(trail.points, x, y, timeS);
    }
    for (const [id, trail] of this.byId) if (trail.seen !== this.round) this.byId.delete(id);
  }

  clear(): void {
    this.byId.clear();
  }

  lines(): LineList {
    let room = 0;
    for (const { points } of this.byId.values()) room += Math.max(0, points.length / 3 - 1);
    const texels = new Float32Array(room * LINE_FLOATS);
    let count = 0;
    for (const { points } of this.byId.values()) {
      const newest = points[points.length - 1] ?? 0;
      for (let p = 3; p < points.length; p += 3) {
        const [x0, y0] = [points[p - 3] ?? 0, points[p - 2] ?? 0];
        const at = count++ * LINE_FLOATS;
        texels[at] = texels[at + 2] = x0;
        texels[at + 1] = texels[at + 3] = y0;
        texels[at + 4] = (points[p] ?? 0) - x0;
        texels[at + 5] = (points[p + 1] ?? 0) - y0;
        texels[at + 6] = COLOUR.plain;
        const age = (newest - (points[p + 2] ?? 0)) / TRAIL_S;
        texels[at + 7] = style(LINE_KIND.trail, 0.7 * (1 - Math.min(age, 1)) + 0.05);
      }
    }
    return { count, texels, longest: 0 };
  }
}

function extend(points: number[], x: number, y: number, timeS: number): void {
  const n = points.length;
  const [lastX, lastY, lastS] = [points[n - 3] ?? x, points[n - 2] ?? y, points[n - 1] ?? timeS];
  const elapsedS = timeS - lastS;
  if (n > 0 && elapsedS < 0) points.length = 0;
  else if (Math.hypot(x - lastX, y - lastY) > 20 + JUMP_MPS * elapsedS) points.length = 0;
  const spaced = n < 6 || timeS - (points[n - 4] ?? 0) >= NEXT_POINT_S;
  // The newest point moves on until it is far enough from the one before.
  if (spaced || points.length === 0) points.push(x, y, timeS);
  else points.splice(n - 3, 3, x, y, timeS);
  while (points.length > 3 && timeS - (points[2] ?? 0) > TRAIL_S) points.splice(0, 3);
  if (points.length > 3 * (MOST_POINTS + 2)) points.splice(0, 3);
}
