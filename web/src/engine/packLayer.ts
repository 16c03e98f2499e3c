/** Packs the columns of a layer into texels, one column after the other: a loop over one typed array is what engines run fast. */
import type { DrawSettings } from './drawList';
import { COLOUR, DOTS, lightShape, SHAPE, typeColumn, type LayerRole } from './layerStyle';
import type { Column, Layer } from './layerStore';

const FLOATS = 12;
const RADIANS = Math.PI / 180;
/** Signal heads of one lane stand about a metre apart. */
const LIGHT_SIZE_M = 1.5;
const VEHICLE_M = [4.6, 1.9] as const;
const DOT_M = 3;

/** Fills `ids` and `texels` (both poses alike); answers the highest speed. */
export function packLayer(
  layer: Layer,
  role: LayerRole,
  cell: number | null,
  settings: DrawSettings,
  ids: Float64Array,
  texels: Float32Array,
): number {
  const { rows, columns } = layer;
  const id = columns.get('id')?.data;
  for (let row = 0; row < rows; row++) ids[row] = id?.[row] ?? 0;
  twice(columns.get('x'), rows, texels, 0, 2, -settings.originX, 1);
  twice(columns.get('y'), rows, texels, 1, 3, -settings.originY, 1);
  twice(columns.get('angle'), rows, texels, 4, 5, 0, RADIANS);
  once(columns.get('speed'), rows, texels, 6, -1);
  constant(rows, texels, 11, 0);
  if (role === 'lights') packLights(layer, texels);
  else {
    const oriented = packShape(layer, cell, texels);
    packColour(layer, settings, texels, oriented || cell !== null);
    if (columns.has('count')) packCells(layer, cell, texels);
  }
  let fastest = 0;
  for (let row = 0, at = 6; row < rows; row++, at += FLOATS) {
    const speed = texels[at] ?? 0;
    if (speed > fastest) fastest = speed;
  }
  return fastest;
}

function packLights({ rows, columns }: Layer, texels: Float32Array): void {
  const state = columns.get('state');
  const shapes = (state?.values ?? []).map(lightShape);
  constant(rows, texels, 7, 0);
  constant(rows, texels, 8, LIGHT_SIZE_M);
  constant(rows, texels, 9, LIGHT_SIZE_M);
  for (let row = 0, at = 10; row < rows; row++, at += FLOATS) {
    texels[at] = shapes[state?.data[row] ?? -1] ?? SHAPE.off;
  }
}

/** Answers whether the shape shows where an entity is headed. */
function packShape({ rows, columns }: Layer, cell: number | null, texels: Float32Array): boolean {
  const sized = columns.has('length') && columns.has('width');
  const heads = columns.has('angle') && (columns.has('speed') || !sized);
  const shape = heads ? SHAPE.vehicle : sized ? SHAPE.block : SHAPE.dot;
  const oriented = shape !== SHAPE.dot;
  once(columns.get('length'), rows, texels, 8, oriented ? VEHICLE_M[0] : DOT_M);
  once(columns.get('width'), rows, texels, 9, oriented ? VEHICLE_M[1] : DOT_M);
  constant(rows, texels, 10, cell === null ? shape : SHAPE.cell);
  return oriented;
}

function packColour(
  layer: Layer,
  settings: DrawSettings,
  texels: Float32Array,
  oriented: boolean,
): void {
  const { rows, columns } = layer;
  const type = settings.types === null ? undefined : columns.get(typeColumn(layer) ?? '');
  if (settings.accent) constant(rows, texels, 7, COLOUR.accent);
  else if (type === undefined || settings.types === null) {
    constant(rows, texels, 7, columns.has('speed') ? COLOUR.speed : COLOUR.plain);
  } else {
    for (let row = 0, at = 7; row < rows; row++, at += FLOATS) {
      const index = settings.types[type.data[row] ?? -1] ?? 0;
      texels[at] = index;
      if (!oriented) texels[at + 3] = DOTS[index % DOTS.length] ?? SHAPE.dot;
    }
  }
}

/** The area of a cell grows with its count; the fullest one fills its square. */
function packCells({ rows, columns }: Layer, cell: number | null, texels: Float32Array): void {
  const count = columns.get('count');
  let most = 1;
  for (let row = 0; row < rows; row++) most = Math.max(most, number(count, row));
  for (let row = 0, at = 8; row < rows; row++, at += FLOATS) {
    const share = Math.sqrt(Math.max(number(count, row), 0) / most);
    const side = (cell ?? DOT_M * Math.sqrt(most)) * Math.max(0.3, share);
    texels[at] = texels[at + 1] = side;
    texels[at + 2] = SHAPE.cell;
    texels[at - 4] = texels[at - 3] = 0;
  }
}

function number(column: Column | undefined, row: number): number {
  if (column === undefined || column.values !== null) return 0;
  return column.origin + column.scale * (column.data[row] ?? 0);
}

function once(
  column: Column | undefined,
  rows: number,
  texels: Float32Array,
  place: number,
  otherwise: number,
): void {
  if (column === undefined || column.values !== null) {
    constant(rows, texels, place, otherwise);
    return;
  }
  const { data, origin, scale } = column;
  for (let row = 0, at = place; row < rows; row++, at += FLOATS) {
    texels[at] = origin + scale * (data[row] ?? 0);
  }
}

function twice(
  column: Column | undefined,
  rows: number,
  texels: Float32Array,
  earlier: number,
  newest: number,
  plus: number,
  times: number,
): void {
  if (column === undefined || column.values !== null) {
    constant(rows, texels, earlier, plus);
    constant(rows, texels, newest, plus);
    return;
  }
  // In float64 up to here: map coordinates lose their centimetres in float32.
  const origin = (column.origin + plus) * times;
  const scale = column.scale * times;
  const { data } = column;
  for (let row = 0, at = 0; row < rows; row++, at += FLOATS) {
    const value = origin + scale * (data[row] ?? 0);
    texels[at + earlier] = value;
    texels[at + newest] = value;
  }
}

function constant(rows: number, texels: Float32Array, place: number, value: number): void {
  for (let row = 0, at = place; row < rows; row++, at += FLOATS) texels[at] = value;
}
