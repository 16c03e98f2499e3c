/**
 * Straight pieces that lie under or over the entities: arrows of vectors, planned ways, trails.
 *
 * Each has two texels: its tail's earlier and newest place (x0, y0, x1, y1), and (dx, dy, colour, style): where its head is
 * from the tail, a colour number as for entities, and kind + opacity / 2.
 */
import type { Column, Layer } from './layerStore';
import type { DrawList } from './drawList';
import { FLOATS } from './drawList';
import { COLOUR, niceCeiling } from './layerStyle';

export const LINE_FLOATS = 8;
export const LINE_KIND = { arrow: 0, path: 1, trail: 2 } as const;
/** Pixels of the longest arrow of a layer. */
export const ARROW_PX = 46;
/** Widths of the kinds in CSS pixels. */
export const LINE_PX: readonly number[] = [1.8, 3, 2];

export interface LineList {
  count: number;
  texels: Float32Array;
  /** The vector that is drawn `ARROW_PX` long; 0 where lengths are those of the scene. */
  longest: number;
}

export function style(kind: number, opacity: number): number {
  return kind + opacity / 2;
}

/** What `style` put together: the kind and the opacity. */
export function readStyle(packed: number): [kind: number, opacity: number] {
  const kind = Math.floor(packed);
  return [kind, (packed - kind) * 2];
}

/** An arrow for every entity that has `fx`, `fy`; null for a layer without them. `before` keeps the scale steady. */
export function vectorLines(
  layer: Layer,
  list: DrawList,
  before: LineList | undefined,
): LineList | null {
  const fx = layer.columns.get('fx');
  const fy = layer.columns.get('fy');
  if (fx === undefined || fy === undefined || fx.values !== null || fy.values !== null) return null;
  const texels = new Float32Array(list.count * LINE_FLOATS);
  let longest = 0;
  let count = 0;
  for (let row = 0; row < list.count; row++) {
    const dx = value(fx, row);
    const dy = value(fy, row);
    const length = Math.hypot(dx, dy);
    if (!(length > 0)) continue;
    if (length > longest) longest = length;
    const from = row * FLOATS;
    const at = count++ * LINE_FLOATS;
    texels.set(list.texels.subarray(from, from + 4), at);
    texels[at + 4] = dx;
    texels[at + 5] = dy;
    texels[at + 6] = COLOUR.accent;
    texels[at + 7] = style(LINE_KIND.arrow, 0.9);
  }
  // The scale follows at once when vectors grow and slowly when they shrink: else arrows would breathe.
  const kept = (before?.longest ?? 0) * 0.5;
  const ceiling = niceCeiling(longest);
  return {
    count,
    texels,
    longest: ceiling < kept || longest === 0 ? Math.max(kept, 1e-9) : ceiling,
  };
}

/** The polylines of a layer whose entities are points: the same `path`, in the order of `id`. */
export function pathLines(layer: Layer, list: DrawList): LineList {
  const path = layer.columns.get('path');
  const texels = new Float32Array(list.count * LINE_FLOATS);
  let count = 0;
  if (path === undefined) return { count, texels, longest: 0 };
  const rows = Array.from({ length: list.count }, (_, row) => row);
  const key = (row: number): number => value(path, row);
  const id = (row: number): number => list.ids[row] ?? 0;
  rows.sort((a, b) => key(a) - key(b) || id(a) - id(b));
  for (let i = 1; i < rows.length; i++) {
    const [a, b] = [rows[i - 1] ?? 0, rows[i] ?? 0];
    if (key(a) !== key(b)) continue;
    const x = list.texels[a * FLOATS + 2] ?? 0;
    const y = list.texels[a * FLOATS + 3] ?? 0;
    const at = count++ * LINE_FLOATS;
    texels[at] = texels[at + 2] = x;
    texels[at + 1] = texels[at + 3] = y;
    texels[at + 4] = (list.texels[b * FLOATS + 2] ?? 0) - x;
    texels[at + 5] = (list.texels[b * FLOATS + 3] ?? 0) - y;
    texels[at + 6] = Math.abs(Math.round(key(a)));
    texels[at + 7] = style(LINE_KIND.path, 1);
  }
  return { count, texels, longest: 0 };
}

function value(column: Column, row: number): number {
  const stored = column.data[row] ?? 0;
  return column.values === null ? column.origin + column.scale * stored : stored;
}
