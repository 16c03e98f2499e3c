/**
 * What the page's entity table and search are told: a window of rows in the order of their ids, never a whole layer.
 * Pure functions.
 */
import type { RunInfo } from '../protocol/messages';
import type { EntityMatch, TableRow, TableWindow, TableWish } from './bridge';
import { cellValue, type Layer } from './layerStore';
import { layerRole } from './layerStyle';

/** No page shows more rows at once. */
const MOST_ROWS = 120;
/** Rows fit into this many: an id of 32 bits and a row then fit into one exact float64. */
const ROW_ROOM = 2 ** 20;
/** Columns that help most when one looks for something; the others follow in their own order. */
const FIRST = ['module', 'type', 'x', 'y', 'z', 'speed', 'angle', 'state'];
const MOST_COLUMNS = 8;
/** No name is as long as this. */
const LONGEST = 1e6;

type Layers = ReadonlyMap<string, Layer>;

export function tableWindow(
  layers: Layers,
  wish: TableWish,
  schema: RunInfo['layers'] | undefined,
): TableWindow {
  const names = [...layers].filter(hasEntities).map(([name]) => name);
  const chosen = wish.layer !== null && names.includes(wish.layer) ? wish.layer : names[0];
  const layer = chosen === undefined ? undefined : layers.get(chosen);
  if (chosen === undefined || layer === undefined) {
    return { layer: null, layers: names, total: 0, from: 0, columns: [], rows: [] };
  }
  const columns = columnNames(layer);
  const count = Math.min(wish.rows, MOST_ROWS);
  // A layer may have shrunk since the page asked: then its end is shown.
  const from = Math.max(0, Math.min(wish.from, layer.rows - count));
  const rows: TableRow[] = [];
  const order = rowsById(layer);
  for (let place = from; place < Math.min(from + count, layer.rows); place++) {
    const row = (order[place] ?? 0) % ROW_ROOM;
    const cells = columns.map((name) => {
      const column = layer.columns.get(name);
      return column === undefined ? '' : cellValue(column, row);
    });
    rows.push({ id: idOf(layer, row), name: nameOf(layer, row), cells });
  }
  const units = schema?.[chosen]?.columns;
  return {
    layer: chosen,
    layers: names,
    total: layer.rows,
    from,
    columns: columns.map((name) => ({ name, unit: units?.[name]?.unit ?? null })),
    rows,
  };
}

/** Entities whose id has `query` in it: those that begin with it first, and of those the shortest first. */
export function findEntities(layers: Layers, query: string, limit: number): EntityMatch[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === '') return [];
  const found: { match: EntityMatch; rank: number }[] = [];
  for (const [layerName, layer] of layers) {
    if (!hasEntities([layerName, layer])) continue;
    for (let row = 0; row < layer.rows; row++) {
      const name = nameOf(layer, row);
      const at = name.toLowerCase().indexOf(wanted);
      if (at < 0) continue;
      const rank = name.length + (at === 0 ? 0 : LONGEST);
      found.push({ match: { layer: layerName, id: idOf(layer, row), name }, rank });
    }
  }
  const best = found.toSorted((a, b) => a.rank - b.rank || (a.match.name < b.match.name ? -1 : 1));
  return best.slice(0, limit).map(({ match }) => match);
}

function hasEntities([name, layer]: readonly [string, Layer]): boolean {
  return layerRole(name, layer) === 'entities';
}

function columnNames(layer: Layer): string[] {
  const names = [...layer.columns.keys()].filter((name) => name !== 'id');
  const first = FIRST.filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !FIRST.includes(name))].slice(0, MOST_COLUMNS);
}

/** Id and row in one number: typed arrays sort numbers many times faster than by a function. */
function rowsById(layer: Layer): Float64Array {
  const keys = new Float64Array(layer.rows);
  for (let row = 0; row < layer.rows; row++) keys[row] = idOf(layer, row) * ROW_ROOM + row;
  return keys.toSorted();
}

function idOf(layer: Layer, row: number): number {
  return layer.columns.get('id')?.data[row] ?? 0;
}

function nameOf(layer: Layer, row: number): string {
  return layer.names?.[row] ?? `${idOf(layer, row)}`;
}
