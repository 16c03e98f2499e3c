/**
 * What the renderer is given of a layer: an earlier and a newest pose of every entity, packed as texels.
 *
 * The renderer moves between the two poses, so that nothing is packed between frames. When a new frame comes, the pose that
 * is shown at that moment becomes the earlier one: a frame that comes early or late bends the way, but never makes anything hop.
 */
import type { Bounds } from './camera';
import { isJump, mix, nearestAngle, type Pose } from './interpolation';
import type { LayerRole } from './layerStyle';
import type { Layer } from './layerStore';
import { packLayer } from './packLayer';

/** Texels per entity: (x0, y0, x1, y1) (angle0, angle1, speed, colour) (length, width, shape, 0). */
export const TEXELS = 3;
export const FLOATS = TEXELS * 4;

const MIN_ROOM = 256;

export interface DrawSettings {
  originX: number;
  originY: number;
  /** The palette number of each string of the type column; null: not coloured by type. */
  types: readonly number[] | null;
  /** Draw in the accent: what everything else is about. */
  accent: boolean;
}

/** The drawn state of one layer. Rows are the layer's rows. */
export class DrawList {
  count = 0;
  ids = new Float64Array(0);
  texels = new Float32Array(0);
  maxSpeed = 0;
  /** The longest way that any entity moves between its two poses, world units; a jump is none. */
  maxMove = 0;
  /** In world units relative to the origin; null while there is nothing. */
  bounds: Bounds | null = null;
  /** What was packed before, used again for the next frame: a frame leaves no garbage behind. */
  private spareIds = new Float64Array(0);
  private spareTexels = new Float32Array(0);

  constructor(
    readonly role: LayerRole,
    /** Side of the cells that the layer consists of; null: entities. */
    readonly cell: number | null = null,
  ) {}

  /** Takes the newest state of the layer; `alpha` is how far the last move had come. */
  update(layer: Layer, alpha: number, elapsedS: number, settings: DrawSettings): void {
    const { count: oldCount, ids: oldIds, texels: old } = this;
    const room = Math.max(MIN_ROOM, Math.ceil(layer.rows / MIN_ROOM) * MIN_ROOM);
    const fits = this.spareIds.length >= room && this.spareIds.length <= 4 * room;
    const ids = fits ? this.spareIds : new Float64Array(room);
    const texels = fits ? this.spareTexels : new Float32Array(room * FLOATS);
    this.maxSpeed = packLayer(layer, this.role, this.cell, settings, ids, texels);
    this.move(layer.rows, ids, texels, oldCount, oldIds, old, alpha, elapsedS);
    this.count = layer.rows;
    this.spareIds = oldIds;
    this.spareTexels = old;
    this.ids = ids;
    this.texels = texels;
  }

  /** Where an entity is shown now. */
  pose(row: number, alpha: number): Pose {
    const at = row * FLOATS;
    return {
      x: mix(this.texels[at] ?? 0, this.texels[at + 2] ?? 0, alpha),
      y: mix(this.texels[at + 1] ?? 0, this.texels[at + 3] ?? 0, alpha),
      angle: mix(this.texels[at + 4] ?? 0, this.texels[at + 5] ?? 0, alpha),
    };
  }

  /** The row of an entity, or -1. */
  rowOf(id: number): number {
    const row = this.ids.indexOf(id);
    return row < this.count ? row : -1;
  }

  /** Joins the newest poses to the old ones, and measures what has come. */
  private move(
    rows: number,
    ids: Float64Array,
    texels: Float32Array,
    oldCount: number,
    oldIds: Float64Array,
    old: Float32Array,
    alpha: number,
    elapsedS: number,
  ): void {
    let index: Map<number, number> | null = null;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    let maxMove = 0;
    for (let row = 0; row < rows; row++) {
      const at = row * FLOATS;
      const id = ids[row] ?? 0;
      // Most rows stay where they were; only a layer that somebody left or joined needs the index.
      let from = row < oldCount && oldIds[row] === id ? row : -1;
      if (from < 0 && oldCount > 0) {
        index ??= indexOf(oldIds, oldCount);
        from = index.get(id) ?? -1;
      }
      if (from >= 0) {
        const moved = moveFrom(old, from * FLOATS, texels, at, alpha, elapsedS);
        if (moved > maxMove) maxMove = moved;
      }
      const x = texels[at + 2] ?? 0;
      const y = texels[at + 3] ?? 0;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    this.maxMove = maxMove;
    this.bounds = rows > 0 ? [x0, y0, x1, y1] : null;
  }
}

function indexOf(ids: Float64Array, count: number): Map<number, number> {
  const index = new Map<number, number>();
  for (let row = 0; row < count; row++) index.set(ids[row] ?? -1, row);
  return index;
}

/** Makes the pose shown until now the start of the move to the pose at `at`; answers how far that is, with its turn. */
function moveFrom(
  old: Float32Array,
  oldAt: number,
  texels: Float32Array,
  at: number,
  alpha: number,
  elapsedS: number,
): number {
  const x = mix(old[oldAt] ?? 0, old[oldAt + 2] ?? 0, alpha);
  const y = mix(old[oldAt + 1] ?? 0, old[oldAt + 3] ?? 0, alpha);
  const dx = (texels[at + 2] ?? 0) - x;
  const dy = (texels[at + 3] ?? 0) - y;
  const distance = Math.sqrt(dx * dx + dy * dy);
  const hasSpeed = (texels[at + 6] ?? -1) >= 0;
  const speed = Math.max(texels[at + 6] ?? 0, old[oldAt + 6] ?? 0);
  if (hasSpeed && isJump(distance, speed, elapsedS)) return 0;
  const angle = mix(old[oldAt + 4] ?? 0, old[oldAt + 5] ?? 0, alpha);
  const turned = nearestAngle(angle, texels[at + 5] ?? 0);
  texels[at] = x;
  texels[at + 1] = y;
  texels[at + 4] = angle;
  texels[at + 5] = turned;
  // The nose of a long vehicle that turns on the spot moves too.
  return distance + (Math.abs(turned - angle) * (texels[at + 8] ?? 0)) / 2;
}
