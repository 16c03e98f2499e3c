import { expect, test } from 'vitest';
import { DrawList } from '../../src/engine/drawList';
import { labelsFor } from '../../src/engine/labels';
import { layerFromKey, type Layer } from '../../src/engine/layerStore';
import { layerRole, SHAPE } from '../../src/engine/layerStyle';
import {
  ARROW_PX,
  LINE_FLOATS,
  pathLines,
  readStyle,
  style,
  vectorLines,
} from '../../src/engine/lineList';
import { displayList, MARK, STROKE } from '../../src/engine/render/displayList';
import { gridOf } from '../../src/engine/render/grid';
import { colourOf, packed, PALETTES } from '../../src/engine/render/palette';
import type { View } from '../../src/engine/render/renderer';
import { Trails, TRAIL_S } from '../../src/engine/trails';
import { TypePalette } from '../../src/engine/typePalette';
import { wire } from '../helpers';

const PLAIN = { originX: 0, originY: 0, types: null, accent: false };
const VIEW: View = {
  camera: { x: 0, y: 0, scale: 2 },
  width: 200,
  height: 100,
  ratio: 1,
  alpha: 1,
  vectors: false,
  speedMax: 10,
  layers: ['a'],
  under: [],
  over: [],
  simple: false,
  stride: 1,
  selected: null,
};

function layer(columns: Record<string, number[]>, lod?: { cell: number }): Layer {
  const rows = columns['id']?.length ?? 0;
  return layerFromKey({
    rows,
    columns: Object.fromEntries(
      Object.entries(columns).map(([name, values]) => [
        name,
        wire(name === 'id' ? 'u4' : 'f4', values),
      ]),
    ),
    ...(lod === undefined ? {} : { lod }),
  });
}

function listOf(content: Layer, settings = PLAIN): DrawList {
  const list = new DrawList(layerRole('a', content), content.cell);
  list.update(content, 1, 0.1, settings);
  return list;
}

function marksOf(list: DrawList, view: Partial<View> = {}): number[][] {
  const { marks } = displayList(
    { ...VIEW, ...view },
    { layers: new Map([['a', list]]), lines: new Map(), palette: PALETTES.dark },
  );
  return Array.from({ length: marks.length / MARK }, (_, i) =>
    marks.slice(i * MARK, (i + 1) * MARK),
  );
}

test('an entity with a length and a width is a rectangle of that size, turned by its angle', () => {
  const list = listOf(layer({ id: [1], x: [10], y: [5], angle: [90], length: [8], width: [4] }));
  const [mark] = marksOf(list);
  expect(mark?.slice(0, 2)).toEqual([120, 40]);
  expect(mark?.[2]).toBeCloseTo(-Math.PI / 2);
  expect(mark?.slice(3, 6)).toEqual([8, 4, SHAPE.block]);
});

test('what moves and has a direction is a vehicle, coloured by its speed', () => {
  const list = listOf(layer({ id: [1], x: [0], y: [0], angle: [0], speed: [10] }));
  const [mark] = marksOf(list);
  expect(mark?.[5]).toBe(SHAPE.vehicle);
  expect(mark?.[6]).toBe(packed(colourOf(PALETTES.dark, -1, 1)));
});

test('what is out of view is left out', () => {
  const list = listOf(layer({ id: [1, 2], x: [0, 900], y: [0, 0] }));
  expect(marksOf(list)).toHaveLength(1);
});

test('every n-th entity is drawn when the machine cannot keep up, but never of a small layer', () => {
  const many = Array.from({ length: 4000 }, (_, i) => i);
  const zeros = many.map(() => 0);
  const list = listOf(layer({ id: many, x: zeros, y: zeros }));
  expect(marksOf(list, { stride: 4 })).toHaveLength(1000);
  const few = listOf(layer({ id: [1, 2], x: [0, 0], y: [0, 0] }));
  expect(marksOf(few, { stride: 4 })).toHaveLength(2);
});

test('the area of a cell grows with its count, and the fullest one fills its square', () => {
  const cells = layer({ id: [1, 2], x: [0, 10], y: [0, 0], count: [100, 25] }, { cell: 10 });
  const [full, quarter] = marksOf(listOf(cells));
  expect(full?.slice(3, 6)).toEqual([10, 10, SHAPE.cell]);
  expect(quarter?.[3]).toBe(5);
});

test('the selected entity gets a ring', () => {
  const list = listOf(layer({ id: [7], x: [0], y: [0] }));
  const { ring } = displayList(
    { ...VIEW, selected: { layer: 'a', row: 0 } },
    { layers: new Map([['a', list]]), lines: new Map(), palette: PALETTES.dark },
  );
  expect(ring?.slice(0, 2)).toEqual([100, 50]);
});

test('forces are arrows from their places; the longest has the full length', () => {
  const forces = layer({ id: [1, 2], x: [0, 0], y: [0, 0], fx: [10, 5], fy: [0, 0] });
  expect(layerRole('forces', forces)).toBe('vectors');
  const list = listOf(forces);
  const lines = vectorLines(forces, list, undefined);
  expect([lines?.count, lines?.longest]).toEqual([2, 10]);
  const { over } = displayList(
    { ...VIEW, layers: [], over: ['v'] },
    { layers: new Map(), lines: new Map([['v', lines ?? never()]]), palette: PALETTES.dark },
  );
  // Each arrow is its shaft and two strokes for the head.
  expect(over.length / STROKE).toBe(6);
  expect((over[2] ?? 0) - (over[0] ?? 0)).toBeCloseTo(ARROW_PX);
});

test('the scale of arrows follows growing forces at once and shrinking ones slowly', () => {
  const [large, small] = [100, 1].map((fx) =>
    layer({ id: [1], x: [0], y: [0], fx: [fx], fy: [0] }),
  ) as [Layer, Layer];
  const strong = vectorLines(large, listOf(large), undefined);
  const weak = vectorLines(small, listOf(small), strong ?? undefined);
  expect(weak?.longest).toBe(50);
});

test('points of one path are one line in the order of their ids', () => {
  const path = layer({
    id: [3, 1, 2, 9],
    x: [30, 10, 20, 0],
    y: [0, 0, 0, 0],
    path: [0, 0, 0, 1],
  });
  expect(layerRole('trajectory', path)).toBe('paths');
  const { count, texels } = pathLines(path, listOf(path));
  expect(count).toBe(2);
  const starts = [texels[0], texels[LINE_FLOATS]];
  expect(starts).toEqual([10, 20]);
  expect([texels[4], texels[LINE_FLOATS + 4]]).toEqual([10, 10]);
});

test('kind and opacity share a number', () => {
  const [kind, opacity] = readStyle(style(2, 0.7));
  expect(kind).toBe(2);
  expect(opacity).toBeCloseTo(0.7);
});

test('a trail reaches back some seconds, in a bounded number of points', () => {
  const trails = new Trails();
  const list = new DrawList('entities');
  for (let i = 0; i <= 600; i++) {
    list.update(layer({ id: [1], x: [i], y: [0] }), 1, 0.1, PLAIN);
    trails.note(list, i * 0.1);
  }
  const { count, texels } = trails.lines();
  expect(count).toBeGreaterThan(10);
  expect(count).toBeLessThan(30);
  expect(texels[0]).toBeGreaterThan(599 - TRAIL_S * 10 - 12);
});

test('a trail does not cross a jump, and goes with its entity', () => {
  const trails = new Trails();
  const list = new DrawList('entities');
  const put = (ids: number[], x: number, timeS: number): void => {
    list.update(layer({ id: ids, x: ids.map(() => x), y: ids.map(() => 0) }), 1, 0.1, PLAIN);
    list.update(layer({ id: ids, x: ids.map(() => x), y: ids.map(() => 0) }), 1, 0.1, PLAIN);
    trails.note(list, timeS);
  };
  put([1], 0, 0);
  put([1], 5, 1);
  expect(trails.lines().count).toBe(1);
  put([1], 5000, 2);
  expect(trails.lines().count).toBe(0);
  put([], 0, 3);
  put([1], 10, 4);
  expect(trails.lines().count).toBe(0);
});

test('a type keeps its number whatever order a dictionary comes in', () => {
  const palette = new TypePalette();
  expect(palette.indexes(['truck', 'car'])).toEqual([1, 0]);
  expect(palette.indexes(['bus', 'car', 'truck'])).toEqual([2, 0, 1]);
});

test('names stand beside few entities and not beside many', () => {
  const few = layer({ id: [1, 2], x: [0, 40], y: [0, 0] });
  const shown = [{ list: listOf(few), layer: few }];
  const { camera } = VIEW;
  expect(labelsFor(shown, camera, VIEW, 1).map(({ text }) => text)).toEqual(['1', '2']);
  const ids = Array.from({ length: 60 }, (_, i) => i);
  const many = layer({ id: ids, x: ids, y: ids.map(() => 0) });
  expect(labelsFor([{ list: listOf(many), layer: many }], camera, VIEW, 1)).toEqual([]);
});

test('names that would lie over one another are left out', () => {
  const near = layer({ id: [1, 2], x: [0, 1], y: [0, 0] });
  expect(labelsFor([{ list: listOf(near), layer: near }], VIEW.camera, VIEW, 1)).toHaveLength(1);
});

test('the grid covers the view', () => {
  const grid = gridOf(VIEW);
  expect(grid.step).toBe(100);
  expect(grid.firstX).toBeGreaterThanOrEqual(grid.box[0]);
  expect(grid.upright).toBeGreaterThan(0);
});

function never(): never {
  throw new Error('expected lines');
}
