import { expect, test } from 'vitest';
import {
  applyDelta,
  cellValue,
  layerFromKey,
  rowOf,
  type Column,
  type Layer,
} from '../../src/engine/layerStore';
import { WireError } from '../../src/engine/typedArrays';
import { unaligned, wire } from '../helpers';
import { Chain } from '../double/chain.mjs';
import { Streets } from '../double/streets.mjs';

function cars(): Layer {
  return layerFromKey({
    rows: 3,
    columns: {
      id: wire('u4', [10, 11, 12]),
      x: { ...wire('i2', [100, 200, 300]), scale: 0.1, origin: 5 },
      speed: wire('f4', [1.5, 2.5, 3.5]),
      type: { ...wire('u1', [0, 1, 0]), values: ['car', 'bus'] },
    },
    names: ['a', 'b', 'c'],
  });
}

function column(layer: Layer, name: string): Column {
  const found = layer.columns.get(name);
  if (found === undefined) throw new Error(`no column ${name}`);
  return found;
}

function values(layer: Layer, name: string): (number | string)[] {
  return Array.from({ length: layer.rows }, (_, row) => cellValue(column(layer, name), row));
}

test('a value is origin plus scale times the stored integer', () => {
  expect(values(cars(), 'x')).toEqual([15, 25, 35]);
});

test('a dictionary column reads as strings', () => {
  expect(values(cars(), 'type')).toEqual(['car', 'bus', 'car']);
});

test('unaligned bytes give the same layer', () => {
  const layer = layerFromKey({
    rows: 2,
    columns: { id: unaligned(wire('u4', [7, 4_294_967_295])) },
  });
  expect(values(layer, 'id')).toEqual([7, 4_294_967_295]);
});

test('a dropped row is taken by the last one, in every column and in the names', () => {
  const layer = cars();
  applyDelta(layer, { rows: 2, drop: wire('u1', [0]) });
  expect(values(layer, 'id')).toEqual([12, 11]);
  expect(values(layer, 'x')).toEqual([35, 25]);
  expect(layer.names).toEqual(['c', 'b']);
});

test('drops are applied one after the other, each on what the one before left', () => {
  const layer = cars();
  applyDelta(layer, { rows: 1, drop: wire('u2', [0, 0]) });
  expect(values(layer, 'id')).toEqual([11]);
});

test('the last row can be dropped', () => {
  const layer = cars();
  applyDelta(layer, { rows: 2, drop: wire('u1', [2]) });
  expect(values(layer, 'id')).toEqual([10, 11]);
  expect(layer.names).toEqual(['a', 'b']);
});

test('drop, add and set come in this order', () => {
  const layer = cars();
  applyDelta(layer, {
    rows: 3,
    drop: wire('u1', [1]),
    add: {
      columns: {
        id: wire('u4', [13]),
        x: wire('i2', [0]),
        speed: wire('f4', [0]),
        type: wire('u1', [1]),
      },
      names: ['d'],
    },
    set: { speed: { ...wire('f4', [9]), mode: 'abs', rows: wire('u1', [2]) } },
  });
  expect(values(layer, 'id')).toEqual([10, 12, 13]);
  expect(values(layer, 'speed')).toEqual([1.5, 3.5, 9]);
  expect(layer.names).toEqual(['a', 'c', 'd']);
});

test('what is set without naming rows is all rows but those just added', () => {
  const layer = cars();
  applyDelta(layer, {
    rows: 3,
    drop: wire('u1', [0]),
    add: {
      columns: {
        id: wire('u4', [13]),
        x: wire('i2', [7]),
        speed: wire('f4', [4]),
        type: wire('u1', [0]),
      },
      names: ['d'],
    },
    set: {
      x: { ...wire('i1', [1, 2]), mode: 'diff' },
      speed: { ...wire('f4', [8, 9]), mode: 'abs' },
    },
  });
  expect([...column(layer, 'x').data].slice(0, 3)).toEqual([301, 202, 7]);
  expect(values(layer, 'speed')).toEqual([8, 9, 4]);
});

test('a difference is added to the stored integer, for all rows or for some', () => {
  const layer = cars();
  applyDelta(layer, { rows: 3, set: { x: { ...wire('i1', [1, -1, 0]), mode: 'diff' } } });
  expect([...column(layer, 'x').data].slice(0, 3)).toEqual([101, 199, 300]);
  applyDelta(layer, {
    rows: 3,
    set: { x: { ...wire('i1', [-100]), mode: 'diff', rows: wire('u1', [2]) } },
  });
  expect(column(layer, 'x').data[2]).toBe(200);
});

test('differences go beyond the width of the keyframe, in 32 bits', () => {
  const layer = layerFromKey({ rows: 1, columns: { id: wire('u4', [1]), x: wire('i1', [120]) } });
  for (let i = 0; i < 4; i++) {
    applyDelta(layer, { rows: 1, set: { x: { ...wire('i1', [100]), mode: 'diff' } } });
  }
  expect(column(layer, 'x').data[0]).toBe(520);
});

test('an unsigned column takes negative differences', () => {
  const layer = layerFromKey({
    rows: 1,
    columns: { id: wire('u4', [1]), x: wire('u4', [3_000_000_000]) },
  });
  applyDelta(layer, { rows: 1, set: { x: { ...wire('i2', [-5]), mode: 'diff' } } });
  expect(column(layer, 'x').data[0]).toBe(2_999_999_995);
});

test('an absolute value that does not fit widens the column', () => {
  const layer = layerFromKey({ rows: 1, columns: { id: wire('u4', [1]), x: wire('f4', [0]) } });
  applyDelta(layer, { rows: 1, set: { x: { ...wire('f8', [1.1]), mode: 'abs' } } });
  expect(column(layer, 'x').data[0]).toBe(1.1);
});

test('a set replaces the dictionary when it brings one', () => {
  const layer = cars();
  applyDelta(layer, {
    rows: 3,
    set: {
      type: {
        ...wire('u1', [2]),
        mode: 'abs',
        rows: wire('u1', [0]),
        values: ['car', 'bus', 'tram'],
      },
    },
  });
  expect(values(layer, 'type')).toEqual(['tram', 'bus', 'car']);
});

test('a layer grows far beyond its first size', () => {
  const layer = layerFromKey({ rows: 0, columns: { id: wire('u4', []) } });
  for (let id = 0; id < 500; id++) {
    applyDelta(layer, { rows: id + 1, add: { columns: { id: wire('u4', [id]) } } });
  }
  expect(values(layer, 'id')).toEqual(Array.from({ length: 500 }, (_, id) => id));
  expect(rowOf(layer, 321)).toBe(321);
});

test('an entity that has left has no row', () => {
  const layer = cars();
  applyDelta(layer, { rows: 2, drop: wire('u1', [2]) });
  expect(rowOf(layer, 12)).toBe(-1);
});

test.each([
  ['a row that does not exist', { rows: 2, drop: wire('u1', [3]) }],
  [
    'a column that does not exist',
    { rows: 3, set: { y: { ...wire('f4', [1, 2, 3]), mode: 'abs' as const } } },
  ],
  ['too few values', { rows: 3, set: { speed: { ...wire('f4', [1]), mode: 'abs' as const } } }],
  [
    'an added row without a column',
    { rows: 4, add: { columns: { id: wire('u4', [1]) }, names: ['x'] } },
  ],
  ['a wrong number of rows at the end', { rows: 5 }],
])('a delta with %s is refused', (_what, delta) => {
  expect(() => applyDelta(cars(), delta)).toThrow(WireError);
});

test('a long chain of deltas arrives where the town is', () => {
  const streets = new Streets(120);
  const chain = new Chain();
  chain.delta(streets.layers());
  const layers = new Map(
    Object.entries(chain.key()).map(([name, key]) => [name, layerFromKey(key)]),
  );
  for (let step = 0; step < 300; step++) {
    streets.advance(0.5);
    for (const [name, delta] of Object.entries(chain.delta(streets.layers()))) {
      const layer = layers.get(name);
      if (layer !== undefined) applyDelta(layer, delta);
    }
  }
  for (const [name, rows] of Object.entries(streets.layers())) {
    const layer = layers.get(name);
    if (layer === undefined) throw new Error(`no layer ${name}`);
    expect(layer.rows).toBe(rows.length);
    const byId = new Map(rows.map((row) => [row.id, row]));
    for (let row = 0; row < layer.rows; row++) {
      const truth = byId.get(Number(cellValue(column(layer, 'id'), row)));
      expect(layer.names?.[row]).toBe(truth?.name);
      if (name !== 'vehicles') continue;
      expect(cellValue(column(layer, 'x'), row)).toBeCloseTo(Number(truth?.['x']), 1);
      expect(cellValue(column(layer, 'speed'), row)).toBeCloseTo(Number(truth?.['speed']), 3);
    }
  }
});
