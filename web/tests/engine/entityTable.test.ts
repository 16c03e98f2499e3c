import { expect, test } from 'vitest';
import { findEntities, tableWindow } from '../../src/engine/entityTable';
import { groupsOf } from '../../src/engine/groups';
import { layerFromKey } from '../../src/engine/layerStore';
import { wire } from '../helpers';

const vehicles = layerFromKey({
  rows: 3,
  columns: {
    id: wire('u4', [7, 2, 4_000_000_000]),
    x: { ...wire('i2', [10, 20, 30]), scale: 0.5, origin: 100 },
    y: wire('f4', [1, 2, 3]),
    type: { ...wire('u1', [1, 0, 1]), values: ['bus', 'car', 'tram'] },
  },
  names: ['veh7', 'veh2', 'bus7'],
});
const edges = layerFromKey({ rows: 1, columns: { id: wire('u4', [1]) }, names: null });
const layers = new Map([
  ['edges', edges],
  ['vehicles', vehicles],
]);
const schema = { vehicles: { columns: { x: { unit: 'm' } } } };

test('a window has its rows in the order of their ids, whatever their order in the layer', () => {
  const window = tableWindow(layers, { layer: null, from: 0, rows: 10 }, schema);
  expect(window).toMatchObject({ layer: 'vehicles', layers: ['vehicles'], total: 3, from: 0 });
  expect(window.columns[1]).toEqual({ name: 'x', unit: 'm' });
  expect(window.rows.map((row) => [row.id, row.name, row.cells])).toEqual([
    [2, 'veh2', ['bus', 110, 2]],
    [7, 'veh7', ['car', 105, 1]],
    [4_000_000_000, 'bus7', ['car', 115, 3]],
  ]);
});

test('a window beyond the end of a layer that has shrunk shows its end', () => {
  const window = tableWindow(layers, { layer: 'vehicles', from: 90, rows: 2 }, undefined);
  expect(window.from).toBe(1);
  expect(window.rows.map((row) => row.id)).toEqual([7, 4_000_000_000]);
});

test('no window is larger than a page can show, and a run without entities has none', () => {
  const ids = Array.from({ length: 500 }, (_, i) => i);
  const columns = { id: wire('u4', ids), x: wire('f4', ids), y: wire('f4', ids) };
  const many = new Map([['all', layerFromKey({ rows: 500, columns, names: null })]]);
  const window = tableWindow(many, { layer: null, from: 100, rows: 400 }, undefined);
  expect([window.rows.length, window.rows[0]?.id]).toEqual([120, 100]);
  const none = tableWindow(new Map(), { layer: null, from: 0, rows: 9 }, undefined);
  expect(none).toMatchObject({ layer: null, total: 0, rows: [] });
});

test('a search finds what begins with the words first, and the shortest of it', () => {
  expect(findEntities(layers, 'VEH7', 5).map((match) => match.name)).toEqual(['veh7']);
  expect(findEntities(layers, '7', 5).map((match) => match.name)).toEqual(['bus7', 'veh7']);
  const names = ['x12', '123', '12'];
  const columns = { id: wire('u4', [1, 2, 3]), x: wire('f4', [0, 0, 0]), y: wire('f4', [0, 0, 0]) };
  const rows = new Map([['all', layerFromKey({ rows: 3, columns, names })]]);
  expect(findEntities(rows, '12', 2).map((match) => match.name)).toEqual(['12', '123']);
  expect(findEntities(layers, 'bus', 5)).toEqual([
    { layer: 'vehicles', id: 4_000_000_000, name: 'bus7' },
  ]);
  expect(findEntities(layers, '  ', 5)).toEqual([]);
});

test('groups count what there is, most frequent first, and keep their place in the palette', () => {
  expect(groupsOf(vehicles)).toEqual({
    column: 'type',
    values: [
      { value: 'car', index: 1, count: 2 },
      { value: 'bus', index: 0, count: 1 },
    ],
  });
  expect(groupsOf(edges)).toBeNull();
});
