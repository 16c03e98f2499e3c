import { expect, test } from 'vitest';
import { edgeSpeeds, linesByEdge } from '../../src/engine/edgeSpeeds';
import { layerFromKey } from '../../src/engine/layerStore';
import { buildSceneMesh, ROAD_FLOATS } from '../../src/engine/sceneMesh';
import { triangulate } from '../../src/engine/triangulate';
import { wire } from '../helpers';

test('a line becomes two vertices a point and two triangles a segment', () => {
  const mesh = buildSceneMesh({
    bounds: [0, 0, 100, 100],
    lines: { points: [0, 0, 50, 0, 50, 50], starts: [0], width: [4], id: ['a'] },
  });
  expect(mesh.roads.length / ROAD_FLOATS).toBe(6);
  expect(mesh.roadIndices).toHaveLength(12);
  expect([mesh.originX, mesh.originY]).toEqual([50, 50]);
  expect(mesh.roads[0]).toBe(-50);
  expect(mesh.roads[4]).toBe(2);
});

test('the mitre at a right angle reaches the corner', () => {
  const { roads } = buildSceneMesh({
    bounds: [0, 0, 2, 2],
    lines: { points: [0, 0, 1, 0, 1, 1], starts: [0] },
  });
  const corner = 2 * ROAD_FLOATS;
  expect(Math.hypot(roads[corner + 2] ?? 0, roads[corner + 3] ?? 0)).toBeCloseTo(Math.SQRT2, 4);
});

test('starts count points, and each line keeps its own', () => {
  const mesh = buildSceneMesh({
    lines: {
      points: wire('f4', [0, 0, 10, 0, 20, 20, 30, 20, 40, 20]),
      starts: wire('u2', [0, 2]),
      width: [3, 5],
      id: ['a', 'b'],
    },
  });
  expect(mesh.roads.length / ROAD_FLOATS).toBe(10);
  expect(mesh.roads[4 * ROAD_FLOATS + 4]).toBe(2.5);
  expect(mesh.roads[4 * ROAD_FLOATS + 5]).toBe(1);
  expect(mesh.bounds).toEqual([0, 0, 40, 20]);
});

test('a line of one point, or of the same point twice, is left out', () => {
  const mesh = buildSceneMesh({ lines: { points: [1, 1, 2, 2, 2, 2], starts: [0, 1] } });
  expect(mesh.roadIndices).toHaveLength(0);
});

test('a scene without anything has bounds that can be fitted', () => {
  expect(buildSceneMesh({}).bounds).toEqual([0, 0, 1, 1]);
});

test.each([
  ['a square', [0, 0, 4, 0, 4, 4, 0, 4], 16],
  ['a square the other way round', [0, 4, 4, 4, 4, 0, 0, 0], 16],
  ['an L', [0, 0, 4, 0, 4, 2, 2, 2, 2, 4, 0, 4], 12],
])('%s is cut into triangles that cover it', (_what, path, area) => {
  const triangles = triangulate(path);
  let sum = 0;
  for (let i = 0; i < triangles.length; i += 3) {
    const [ax, ay, bx, by, cx, cy] = triangles
      .slice(i, i + 3)
      .flatMap((corner) => [path[2 * corner] ?? 0, path[2 * corner + 1] ?? 0]) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    sum += Math.abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) / 2;
  }
  expect(sum).toBeCloseTo(area);
});

test('mean speeds reach the line of an edge and all lanes of it', () => {
  const lines = linesByEdge(['a', 'b_0', 'b_1', 'c']);
  const layer = layerFromKey({
    rows: 2,
    columns: {
      id: wire('u4', [0, 1]),
      mean_speed: { ...wire('u1', [10, 20]), scale: 0.5, origin: 0 },
    },
    names: ['a', 'b'],
  });
  const { speeds, max } = edgeSpeeds(layer, lines, 4);
  expect([...speeds]).toEqual([5, 10, 10, -1]);
  expect(max).toBe(10);
});
