/**
 * The state of one layer: its columns, and how a keyframe or a delta changes them.
 *
 * Guarantees: rows keep the order that the protocol defines (swap-remove, then append), so that row indexes of later
 * deltas mean the same here as in the worker that wrote them. Anything out of range throws {@link WireError} before it
 * could be misread; the caller then treats the chain as broken and asks for a keyframe. No I/O.
 */
import type {
  LevelOfDetail,
  WireColumn,
  WireDeltaLayer,
  WireKeyLayer,
  WireSet,
} from '../protocol/messages';
import { holds, readArray, storageFor, WireError, type Storage } from './typedArrays';

export interface Column {
  /** Stored numbers, valid up to the layer's `rows`; the rest is room to grow. */
  data: Storage;
  scale: number;
  origin: number;
  /** Strings that the stored integers stand for. */
  values: readonly string[] | null;
}

export interface Layer {
  rows: number;
  columns: Map<string, Column>;
  /** The string id of each row, where the layer's ids are strings. */
  names: string[] | null;
  /** Set if the entities are cells: then it says how large. */
  lod: LevelOfDetail | null;
}

/** A layer as a keyframe gives it. */
export function layerFromKey(wire: WireKeyLayer): Layer {
  const columns = new Map<string, Column>();
  for (const [name, column] of Object.entries(wire.columns)) {
    const read = readArray(column);
    expectLength(`column ${name}`, read.length, wire.rows);
    const data = storageFor(column.dtype, read.length);
    data.set(read);
    columns.set(name, {
      data,
      scale: column.scale ?? 1,
      origin: column.origin ?? 0,
      values: column.values ?? null,
    });
  }
  if (!columns.has('id')) throw new WireError('expected a column id in every layer');
  const names = wire.names ?? null;
  if (names !== null) expectLength('names', names.length, wire.rows);
  return {
    rows: wire.rows,
    columns,
    names: names === null ? null : [...names],
    lod: wire.lod ?? null,
  };
}

/** Applies a delta in place: drop, then add, then set. */
export function applyDelta(layer: Layer, wire: WireDeltaLayer): void {
  if (wire.drop) dropRows(layer, readArray(wire.drop));
  // The rows that a delta adds come complete: what it sets without naming rows is all the others.
  const kept = layer.rows;
  if (wire.add) addRows(layer, wire.add.columns, wire.add.names ?? null);
  for (const [name, set] of Object.entries(wire.set ?? {})) setColumn(layer, name, set, kept);
  expectLength('rows after the delta', layer.rows, wire.rows);
}

/** The value of a cell: a number, or the string that its integer stands for. */
export function cellValue(column: Column, row: number): number | string {
  const stored = column.data[row] ?? 0;
  if (column.values !== null) return column.values[stored] ?? `#${stored}`;
  return column.origin + column.scale * stored;
}

/** The row of the entity with this id, or -1. */
export function rowOf(layer: Layer, id: number): number {
  const ids = layer.columns.get('id');
  if (ids === undefined) return -1;
  const row = ids.data.indexOf(id);
  return row < layer.rows ? row : -1;
}

function dropRows(layer: Layer, rows: ArrayLike<number>): void {
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] ?? 0;
    expectRow(row, layer.rows);
    const last = layer.rows - 1;
    for (const column of layer.columns.values()) column.data[row] = column.data[last] ?? 0;
    if (layer.names !== null) {
      layer.names[row] = layer.names[last] ?? '';
      layer.names.pop();
    }
    layer.rows = last;
  }
}

function addRows(
  layer: Layer,
  wireColumns: Record<string, WireColumn>,
  names: readonly string[] | null,
): void {
  const idColumn = wireColumns['id'];
  if (idColumn === undefined) throw new WireError('expected a column id in the added rows');
  const count = readArray(idColumn).length;
  const rows = layer.rows + count;
  for (const [name, column] of layer.columns) {
    const wire = wireColumns[name];
    if (wire === undefined) throw new WireError(`expected column ${name} in the added rows`);
    const read = readArray(wire);
    expectLength(`added column ${name}`, read.length, count);
    if (!holds(column.data, wire.dtype)) column.data = Float64Array.from(column.data);
    if (column.data.length < rows) column.data = grown(column.data, rows);
    column.data.set(read, layer.rows);
    if (wire.values) column.values = wire.values;
  }
  if (layer.names !== null) {
    expectLength('added names', names?.length ?? 0, count);
    for (const name of names ?? []) layer.names.push(name);
  }
  layer.rows = rows;
}

function setColumn(layer: Layer, name: string, set: WireSet, kept: number): void {
  const column = layer.columns.get(name);
  if (column === undefined) throw new WireError(`expected a column of the layer, got ${name}`);
  const read = readArray(set);
  const rows = set.rows ? readArray(set.rows) : null;
  expectLength(`values for column ${name}`, read.length, rows === null ? kept : rows.length);
  // Diffs are added to the stored integers in 32 bits, where typed arrays wrap by themselves; only
  // absolute values can need a wider store than the keyframe's.
  if (set.mode === 'abs' && !holds(column.data, set.dtype)) {
    column.data = Float64Array.from(column.data);
  }
  const { data } = column;
  const diff = set.mode === 'diff';
  for (let i = 0; i < read.length; i++) {
    const row = rows === null ? i : (rows[i] ?? 0);
    if (rows !== null) expectRow(row, layer.rows);
    const value = read[i] ?? 0;
    data[row] = diff ? (data[row] ?? 0) + value : value;
  }
  if (set.values) column.values = set.values;
}

function grown(data: Storage, rows: number): Storage {
  // Half as much again, so that a growing layer is not copied on every frame.
  const wider = new (data.constructor as new (length: number) => Storage)(
    Math.ceil(rows * 1.5) + 16,
  );
  wider.set(data);
  return wider;
}

function expectLength(what: string, got: number, expected: number): void {
  if (got !== expected) throw new WireError(`expected ${expected} for ${what}, got ${got}`);
}

function expectRow(row: number, rows: number): void {
  if (row >= rows || row < 0) throw new WireError(`expected a row below ${rows}, got ${row}`);
}
