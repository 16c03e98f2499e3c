/**
 * What the renderer is given of a layer: an earlier and a newest pose of every entity, packed as texels.
 *
 * The GPU moves between the two poses, so that nothing is uploaded between frames. When a new frame comes, the pose that is
 * shown at that moment becomes the earlier one: a frame that comes early or late bends the way, but never makes anything hop.
 */
import { isJump, mix, nearestAngle, type Pose } from './interpolation';
import {
  colourBy,
  lightShape,
  SHAPE,
  typeColumn,
  type ColourBy,
  type LayerRole,
} from './layerStyle';
import type { Column, Layer } from './layerStore';
import type { Bounds } from './camera';

/** Texels per entity: (x0, y0, x1, y1) (angle0, angle1, speed, colour) (length, width, shape, 0). */
export const TEXELS = 3;
export const FLOATS = TEXELS * 4;

const RADIANS = Math.PI / 180;
const MIN_ROOM = 256;
/** Signal heads of one lane stand about a metre apart. */
const LIGHT_SIZE_M = 1.5;

export interface DrawSettings {
  originX: number;
  originY: number;
  colour: ColourBy;
}

/** The drawn state of one layer. Rows are the layer's rows. */
export class DrawList {
  count = 0;
  ids = new Float64Array(0);
  texels = new Float32Array(0);
  maxSpeed = 0;
  /** In world units relative to the origin; null while there is nothing. */
  bounds: Bounds | null = null;

  constructor(readonly role: LayerRole) {}

  /** Takes the newest state of the layer; `alpha` is how far the last move had come. */
  update(layer: Layer, alpha: number, elapsedS: number, settings: DrawSettings): void {
    const before = { count: this.count, ids: this.ids, texels: this.texels };
    const room = Math.max(MIN_ROOM, Math.ceil(layer.rows / MIN_ROOM) * MIN_ROOM);
    const texels = new Float32Array(room * FLOATS);
    const ids = new Float64Array(room);
    const read = new Reader(layer, this.role, settings);
    let index: Map<number, number> | null = null;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    this.maxSpeed = 0;

    for (let row = 0; row < layer.rows; row++) {
      const id = read.id(row);
      const at = row * FLOATS;
      ids[row] = id;
      read.write(row, texels, at);
      // Most rows stay where they were; only a layer that somebody left or joined needs the index.
      let old = before.ids[row] === id && row < before.count ? row : -1;
      if (old < 0 && before.count > 0) {
        index ??= indexOf(before.ids, before.count);
        old = index.get(id) ?? -1;
      }
      if (old >= 0) moveFrom(before.texels, old * FLOATS, texels, at, alpha, elapsedS);
      const x = texels[at + 2] ?? 0;
      const y = texels[at + 3] ?? 0;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
      const speed = texels[at + 6] ?? 0;
      if (speed > this.maxSpeed) this.maxSpeed = speed;
    }
    this.count = layer.rows;
    this.ids = ids;
    this.texels = texels;
    this.bounds = layer.rows > 0 ? [x0, y0, x1, y1] : null;
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
}

function indexOf(ids: Float64Array, count: number): Map<number, number> {
  const index = new Map<number, number>();
  for (let row = 0; row < count; row++) index.set(ids[row] ?? -1, row);
  return index;
}

/** Makes the pose shown until now the start of the move to the pose at `at`. */
function moveFrom(
  old: Float32Array,
  oldAt: number,
  texels: Float32Array,
  at: number,
  alpha: number,
  elapsedS: number,
): void {
  const x = mix(old[oldAt] ?? 0, old[oldAt + 2] ?? 0, alpha);
  const y = mix(old[oldAt + 1] ?? 0, old[oldAt + 3] ?? 0, alpha);
  const distance = Math.hypot((texels[at + 2] ?? 0) - x, (texels[at + 3] ?? 0) - y);
  const hasSpeed = (texels[at + 6] ?? -1) >= 0;
  const speed = Math.max(texels[at + 6] ?? 0, old[oldAt + 6] ?? 0);
  if (hasSpeed && isJump(distance, speed, elapsedS)) return;
  const angle = mix(old[oldAt + 4] ?? 0, old[oldAt + 5] ?? 0, alpha);
  texels[at] = x;
  texels[at + 1] = y;
  texels[at + 4] = angle;
  texels[at + 5] = nearestAngle(angle, texels[at + 5] ?? 0);
}

/** Reads one layer's columns; looks each of them up once. */
class Reader {
  private readonly ids: Column | undefined;
  private readonly x: Column | undefined;
  private readonly y: Column | undefined;
  private readonly angle: Column | undefined;
  private readonly speed: Column | undefined;
  private readonly length: Column | undefined;
  private readonly width: Column | undefined;
  private readonly type: Column | undefined;
  private readonly shapes: readonly number[];

  constructor(
    layer: Layer,
    private readonly role: LayerRole,
    private readonly settings: DrawSettings,
  ) {
    const { columns } = layer;
    this.ids = columns.get('id');
    this.x = columns.get('x');
    this.y = columns.get('y');
    this.angle = columns.get('angle');
    this.speed = columns.get('speed');
    this.length = columns.get('length');
    this.width = columns.get('width');
    const type = typeColumn(layer);
    const byType = colourBy(layer, settings.colour) === 'type' && type !== null;
    this.type = byType || role === 'lights' ? columns.get(type ?? 'state') : undefined;
    this.shapes = role === 'lights' ? (columns.get('state')?.values ?? []).map(lightShape) : [];
  }

  id(row: number): number {
    return this.ids?.data[row] ?? 0;
  }

  write(row: number, texels: Float32Array, at: number): void {
    const x = number(this.x, row, 0) - this.settings.originX;
    const y = number(this.y, row, 0) - this.settings.originY;
    const angle = number(this.angle, row, 0) * RADIANS;
    texels[at] = texels[at + 2] = x;
    texels[at + 1] = texels[at + 3] = y;
    texels[at + 4] = texels[at + 5] = angle;
    texels[at + 6] = number(this.speed, row, -1);
    if (this.role === 'lights') {
      const shape = this.shapes[this.type?.data[row] ?? -1] ?? SHAPE.off;
      texels[at + 7] = 0;
      texels[at + 8] = texels[at + 9] = LIGHT_SIZE_M;
      texels[at + 10] = shape;
      return;
    }
    // A colour of -1 means "by speed"; anything else is an index into the palette.
    if (this.type !== undefined) texels[at + 7] = this.type.data[row] ?? 0;
    else texels[at + 7] = this.speed === undefined ? 0 : -1;
    const oriented = this.angle !== undefined;
    texels[at + 8] = number(this.length, row, oriented ? 4.6 : 3);
    texels[at + 9] = number(this.width, row, oriented ? 1.9 : 3);
    texels[at + 10] = oriented ? SHAPE.vehicle : SHAPE.dot;
  }
}

function number(column: Column | undefined, row: number, otherwise: number): number {
  if (column === undefined || column.values !== null) return otherwise;
  return column.origin + column.scale * (column.data[row] ?? 0);
}
