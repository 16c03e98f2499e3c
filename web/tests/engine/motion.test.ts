import { expect, test } from 'vitest';
import { DrawList, FLOATS } from '../../src/engine/drawList';
import { isJump, nearestAngle, shortTurn } from '../../src/engine/interpolation';
import { layerFromKey, type Layer } from '../../src/engine/layerStore';
import { Playout } from '../../src/engine/playout';
import { wire } from '../helpers';

const SETTINGS = { originX: 0, originY: 0, types: null, accent: false } as const;

function cars(ids: number[], x: number[], angle: number[], speed = 10): Layer {
  return layerFromKey({
    rows: ids.length,
    columns: {
      id: wire('u4', ids),
      x: wire('f8', x),
      y: wire(
        'f8',
        x.map(() => 0),
      ),
      angle: wire('f4', angle),
      speed: wire(
        'f4',
        x.map(() => speed),
      ),
    },
  });
}

test('angles turn the short way, across the half turn too', () => {
  expect(nearestAngle(Math.PI * 0.95, -Math.PI * 0.95)).toBeCloseTo(Math.PI * 1.05);
  expect(shortTurn(1.5 * Math.PI)).toBeCloseTo(-0.5 * Math.PI);
  expect(shortTurn(-7 * Math.PI)).toBeCloseTo(-Math.PI);
});

test('an entity that is new stands where it is', () => {
  const list = new DrawList('entities');
  list.update(cars([1], [5], [90]), 1, 0.1, SETTINGS);
  expect(list.pose(0, 0)).toEqual(list.pose(0, 1));
});

test('an entity moves from where it was shown to where it is now', () => {
  const list = new DrawList('entities');
  list.update(cars([1], [0], [0]), 1, 0.1, SETTINGS);
  list.update(cars([1], [10], [0]), 1, 1, SETTINGS);
  expect(list.pose(0, 0.5).x).toBe(5);
  // The next frame comes when only half of the way has been shown: it starts from there.
  list.update(cars([1], [20], [0]), 0.5, 1, SETTINGS);
  expect(list.pose(0, 0).x).toBe(5);
  expect(list.pose(0, 1).x).toBe(20);
});

test('entities are matched by id when rows change places', () => {
  const list = new DrawList('entities');
  list.update(cars([1, 2, 3], [10, 20, 30], [0, 0, 0]), 1, 0.1, SETTINGS);
  list.update(cars([3, 2], [31, 21], [0, 0]), 1, 0.1, SETTINGS);
  expect(list.pose(0, 0).x).toBe(30);
  expect(list.pose(1, 0).x).toBe(20);
  expect(list.count).toBe(2);
  expect(list.rowOf(1)).toBe(-1);
});

test('a jump is shown at once instead of a flight across the map', () => {
  const list = new DrawList('entities');
  list.update(cars([1], [0], [0]), 1, 0.1, SETTINGS);
  list.update(cars([1], [500], [0]), 1, 0.1, SETTINGS);
  expect(list.pose(0, 0).x).toBe(500);
  expect(isJump(15, 10, 1)).toBe(false);
  expect(isJump(100, 10, 1)).toBe(true);
});

test('map coordinates keep their centimetres by way of the origin', () => {
  const list = new DrawList('entities');
  list.update(cars([1], [5_412_345.67], [0]), 1, 0.1, { ...SETTINGS, originX: 5_412_000 });
  expect(list.texels[2]).toBeCloseTo(345.67, 2);
});

test('a texel row holds pose, speed, colour and size', () => {
  const list = new DrawList('entities');
  list.update(cars([9], [1], [180]), 1, 0.1, SETTINGS);
  const texels = list.texels.slice(0, FLOATS);
  expect(texels[5]).toBeCloseTo(Math.PI);
  expect(texels[6]).toBe(10);
  expect(texels[7]).toBe(-1);
  expect(texels[8]).toBeGreaterThan(0);
});

test('the picture waits at the newest frame instead of guessing ahead', () => {
  const playout = new Playout();
  expect(playout.alpha(0)).toBe(1);
  for (let at = 0; at <= 2000; at += 100) playout.arrived(at);
  expect(playout.alpha(2000)).toBe(0);
  expect(playout.alpha(2050)).toBeCloseTo(0.5);
  expect(playout.alpha(9000)).toBe(1);
});

test('silence counts as stale after a second, later for a run with rare frames', () => {
  const fast = new Playout();
  for (let at = 0; at <= 2000; at += 100) fast.arrived(at);
  expect(fast.staleAfterMs()).toBe(1000);
  const slow = new Playout();
  for (let at = 0; at <= 60_000; at += 1000) slow.arrived(at);
  expect(slow.staleAfterMs()).toBeGreaterThan(2000);
});
