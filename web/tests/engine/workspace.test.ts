import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DrawList } from '../../src/engine/drawList';
import { layerFromKey } from '../../src/engine/layerStore';
import {
  installKernels,
  OUT,
  PlainWorkspace,
  WasmWorkspace,
  type Workspace,
} from '../../src/engine/workspace';
import { wire } from '../helpers';

const FLOATS = 12;
let module: WebAssembly.Module;

beforeAll(() => {
  module = new WebAssembly.Module(readFileSync('src/engine/kernels.wasm'));
});

afterEach(() => installKernels(null));

interface Row {
  x: number;
  y: number;
  angle?: number;
  speed?: number;
}

function put(texels: Float32Array, rows: readonly Row[]): void {
  rows.forEach(({ x, y, angle = 0, speed = -1 }, i) => {
    texels.set([x, y, x, y, angle, angle, speed, 0, 4, 2, 1, 0], i * FLOATS);
  });
}

function join(space: Workspace, old: readonly Row[], rows: readonly Row[], from: number[]): void {
  put(space.texels[0], old);
  put(space.texels[1], rows);
  space.from.set(from);
  space.join(1, rows.length, 1, 0.1);
}

describe.each([
  ['typed arrays', () => new PlainWorkspace(512) as Workspace],
  ['WebAssembly', () => new WasmWorkspace(512, module) as Workspace],
])('by %s', (_name, make) => {
  test('a pose begins where the entity was shown, also if its row has changed', () => {
    const space = make();
    join(
      space,
      [
        { x: 1, y: 2 },
        { x: 5, y: 6 },
      ],
      [
        { x: 9, y: 9 },
        { x: 7, y: 8 },
      ],
      [1, -1],
    );
    expect([...space.texels[1].subarray(0, 4)]).toEqual([5, 6, 9, 9]);
    expect([...space.texels[1].subarray(FLOATS, FLOATS + 4)]).toEqual([7, 8, 7, 8]);
  });

  test('a jump of something with a speed is shown at once', () => {
    const space = make();
    join(space, [{ x: 0, y: 0, speed: 5 }], [{ x: 500, y: 0, speed: 5 }], [0]);
    expect(space.texels[1][0]).toBe(500);
    expect(space.out[OUT.longest]).toBe(0);
  });

  test('a turn goes the short way', () => {
    const space = make();
    join(space, [{ x: 0, y: 0, angle: 3 }], [{ x: 0, y: 0, angle: -3 }], [0]);
    expect(space.texels[1][5]).toBeCloseTo(2 * Math.PI - 3, 5);
  });

  test('the bounds and the longest move are measured', () => {
    const space = make();
    join(
      space,
      [
        { x: 0, y: 0 },
        { x: 0, y: 0 },
      ],
      [
        { x: 3, y: 4 },
        { x: -1, y: 0 },
      ],
      [0, 1],
    );
    expect([...space.out]).toEqual([5, -1, 0, 3, 4]);
  });
});

test('both make the same of a thousand entities', () => {
  let seed = 1;
  const random = (): number => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const rows = (): Row[] =>
    Array.from({ length: 1000 }, () => ({
      x: random() * 100,
      y: random() * 100,
      angle: random() * 12 - 6,
      speed: random() * 20 - 2,
    }));
  const [old, fresh] = [rows(), rows()];
  const from = fresh.map((_, i) => (i % 7 === 0 ? -1 : (i * 31) % 1000));
  const plain = new PlainWorkspace(1024);
  const wasm = new WasmWorkspace(1024, module);
  join(plain, old, fresh, from);
  join(wasm, old, fresh, from);
  const worst = plain.texels[1].reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (wasm.texels[1][i] ?? NaN))),
    0,
  );
  expect(worst).toBeLessThan(1e-4);
});

test('a layer goes on where it was when the kernels come, and when it grows', () => {
  const list = new DrawList('entities');
  const show = (x: number[]): void => {
    const ids = wire(
      'u4',
      x.map((_, i) => i),
    );
    const layer = layerFromKey({
      rows: x.length,
      columns: { id: ids, x: wire('f4', x), y: wire('f4', x) },
    });
    list.update(layer, 1, 0.1, { originX: 0, originY: 0, types: null, accent: false });
  };
  show([10]);
  installKernels(module);
  show([20]);
  expect([list.pose(0, 0).x, list.pose(0, 1).x]).toEqual([10, 20]);
  show([30, ...Array.from({ length: 900 }, () => 5)]);
  expect([list.pose(0, 0).x, list.pose(0, 1).x]).toEqual([20, 30]);
  expect([list.count, list.bounds]).toEqual([901, [5, 5, 30, 30]]);
  show([40]);
  expect([list.pose(0, 0).x, list.count]).toEqual([30, 1]);
});
