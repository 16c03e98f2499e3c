/**
 * What the renderer is given of a layer: an earlier and a newest pose of every entity, packed as texels.
 *
 * The renderer moves between the two poses, so that nothing is packed between frames. When a new frame comes, the pose that
 * is shown at that moment becomes the earlier one: a frame that comes early or late bends the way, but never makes anything hop.
 */
import type { Bounds } from './camera';
import { mix, type Pose } from './interpolation';
import type { LayerRole } from './layerStyle';
import type { Layer } from './layerStore';
import { packLayer } from './packLayer';
import { hasKernels, makeWorkspace, OUT, type Workspace } from './workspace';

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
  ids: Float64Array = new Float64Array(0);
  texels: Float32Array = new Float32Array(0);
  maxSpeed = 0;
  /** The longest way that any entity moves between its two poses, world units; a jump is none. */
  maxMove = 0;
  /** In world units relative to the origin; null while there is nothing. */
  bounds: Bounds | null = null;
  private workspace: Workspace = makeWorkspace(0);
  /** Which of the workspace's texels are the newest. */
  private newest: 0 | 1 = 0;
  private spareIds: Float64Array = new Float64Array(0);

  constructor(
    readonly role: LayerRole,
    /** Side of the cells that the layer consists of; null: entities. */
    readonly cell: number | null = null,
  ) {}

  /** Takes the newest state of the layer; `alpha` is how far the last move had come. */
  update(layer: Layer, alpha: number, elapsedS: number, settings: DrawSettings): void {
    const { rows } = layer;
    this.makeRoom(rows);
    const before = this.ids;
    const ids = this.spareIds;
    const newest = this.newest === 0 ? 1 : 0;
    const texels = this.workspace.texels[newest];
    this.maxSpeed = packLayer(layer, this.role, this.cell, settings, ids, texels);
    match(ids, rows, before, this.count, this.workspace.from);
    this.workspace.join(newest, rows, alpha, elapsedS);
    const { out } = this.workspace;
    this.maxMove = out[OUT.longest] ?? 0;
    this.bounds =
      rows > 0 ? [out[OUT.x0] ?? 0, out[OUT.y0] ?? 0, out[OUT.x1] ?? 0, out[OUT.y1] ?? 0] : null;
    this.count = rows;
    this.newest = newest;
    this.ids = ids;
    this.spareIds = before;
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

  /** Makes room for the rows that come and those that were. Both halves of the workspace are used again and again: a frame leaves no garbage behind. */
  private makeRoom(rows: number): void {
    const { room, compiled } = this.workspace;
    const wanted = Math.max(MIN_ROOM, Math.ceil(Math.max(rows, this.count) / MIN_ROOM) * MIN_ROOM);
    if (room >= wanted && room <= 4 * wanted && compiled === hasKernels()) return;
    // A quarter to spare, so that a growing layer does not move house with every frame.
    const larger = makeWorkspace(
      room === 0 || room >= wanted ? wanted : Math.ceil((wanted * 5) / 4 / MIN_ROOM) * MIN_ROOM,
    );
    larger.texels[this.newest].set(this.texels.subarray(0, this.count * FLOATS));
    const ids = new Float64Array(larger.room);
    ids.set(this.ids.subarray(0, this.count));
    this.ids = ids;
    this.spareIds = new Float64Array(larger.room);
    this.workspace = larger;
  }
}

/** For each of the ids the row it had before, -1 if it is new. */
function match(
  ids: Float64Array,
  rows: number,
  before: Float64Array,
  count: number,
  from: Int32Array,
): void {
  let index: Map<number, number> | null = null;
  for (let row = 0; row < rows; row++) {
    const id = ids[row] ?? 0;
    // Most rows stay where they were; only a layer that somebody left or joined needs the index.
    if (row < count && before[row] === id) {
      from[row] = row;
    } else if (count === 0) {
      from[row] = -1;
    } else {
      index ??= indexOf(before, count);
      from[row] = index.get(id) ?? -1;
    }
  }
}

function indexOf(ids: Float64Array, count: number): Map<number, number> {
  const index = new Map<number, number>();
  for (let row = 0; row < count; row++) index.set(ids[row] ?? -1, row);
  return index;
}
