/** How a layer is drawn, read from its name and its columns: nothing here depends on one simulator. */
import type { Layer } from './layerStore';

export type LayerRole =
  /** Things in the scene, each with a position. */
  | 'entities'
  /** Signal heads: marks whose shape tells their state. */
  | 'lights'
  /** Nothing but forces or the like: arrows, shown with the vectors. */
  | 'vectors'
  /** Points of lines, such as a planned way. */
  | 'paths'
  /** No positions: values for the scene's lines. */
  | 'edges'
  /** Nothing to draw; shown in the lists only. */
  | 'data';

export type ColourBy = 'speed' | 'type' | 'plain';

/** Columns that name what sort of thing an entity is, the first that exists is used. */
const TYPE_COLUMNS = ['type', 'module', 'kind', 'class', 'vtype', 'state'];

export function layerRole(name: string, layer: Layer): LayerRole {
  const { columns } = layer;
  if (columns.has('x') && columns.has('y')) {
    if (name === 'lights' && columns.get('state')?.values != null) return 'lights';
    if (columns.has('path')) return 'paths';
    return isVectorsOnly(columns) ? 'vectors' : 'entities';
  }
  return layer.names !== null && columns.has('mean_speed') ? 'edges' : 'data';
}

const VECTOR_COLUMNS = new Set(['id', 'x', 'y', 'z', 'fx', 'fy', 'fz']);

function isVectorsOnly(columns: ReadonlyMap<string, unknown>): boolean {
  if (!columns.has('fx') || !columns.has('fy')) return false;
  return [...columns.keys()].every((name) => VECTOR_COLUMNS.has(name));
}

/** The column of strings that an entity's type colour comes from. */
export function typeColumn(layer: Layer): string | null {
  return TYPE_COLUMNS.find((name) => layer.columns.get(name)?.values != null) ?? null;
}

/** What can be done of what is wanted. */
export function colourBy(layer: Layer, wanted: ColourBy): ColourBy {
  const bySpeed = layer.columns.has('speed');
  const byType = typeColumn(layer) !== null;
  if (wanted === 'type' && byType) return 'type';
  if (bySpeed) return 'speed';
  return byType ? 'type' : 'plain';
}

/** Shapes that every drawing tier knows. A dot's shape tells its type apart, as its colour does. */
export const SHAPE = {
  dot: 0,
  vehicle: 1,
  go: 2,
  caution: 3,
  stop: 4,
  off: 5,
  cell: 6,
  block: 7,
  triangle: 10,
  square: 11,
  diamond: 12,
} as const;

/** By the number of a type. */
export const DOTS = [SHAPE.dot, SHAPE.triangle, SHAPE.square, SHAPE.diamond] as const;

/** A colour number: by speed, in the accent, plain; from 0 on it is a type's number. */
export const COLOUR = { speed: -1, accent: -2, plain: -3 } as const;

/** The shape of a signal head by its state letter, as traffic simulators write it. */
export function lightShape(state: string): number {
  switch (state[0]) {
    case 'G':
    case 'g':
      return SHAPE.go;
    case 'y':
    case 'Y':
    case 'u':
    case 'U':
      return SHAPE.caution;
    case 'r':
    case 'R':
    case 's':
      return SHAPE.stop;
    default:
      return SHAPE.off;
  }
}

/** The end of a speed scale: the next "round" number, so that a legend reads well and does not change all the time. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const lead = value / power;
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((candidate) => lead <= candidate + 1e-9) ?? 10;
  return step * power;
}
