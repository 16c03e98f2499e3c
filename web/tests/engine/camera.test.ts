import { expect, test } from 'vitest';
import { fit, pan, toScreen, toWorld, union, zoomAt } from '../../src/engine/camera';

const SIZE = { width: 800, height: 600 };
const CAMERA = { x: 100, y: 50, scale: 2 };

test('screen and world are inverse to each other, with y turned over', () => {
  const world = toWorld(CAMERA, SIZE, { x: 10, y: 20 });
  expect(toScreen(CAMERA, SIZE, world)).toEqual({ x: 10, y: 20 });
  expect(toScreen(CAMERA, SIZE, { x: 100, y: 51 })).toEqual({ x: 400, y: 298 });
});

test('fitting shows all of the bounds around the middle', () => {
  const camera = fit([0, 0, 1000, 200], SIZE);
  expect(camera).toMatchObject({ x: 500, y: 100 });
  expect(toScreen(camera, SIZE, { x: 0, y: 0 }).x).toBeGreaterThanOrEqual(0);
  expect(toScreen(camera, SIZE, { x: 1000, y: 0 }).x).toBeLessThanOrEqual(800);
});

test('bounds without any extent can be fitted', () => {
  expect(Number.isFinite(fit([5, 5, 5, 5], SIZE).scale)).toBe(true);
});

test('zooming keeps the point under the pointer', () => {
  const at = { x: 123, y: 456 };
  const before = toWorld(CAMERA, SIZE, at);
  const after = toWorld(zoomAt(CAMERA, SIZE, at, 3), SIZE, at);
  expect(after.x).toBeCloseTo(before.x);
  expect(after.y).toBeCloseTo(before.y);
});

test('zooming stops at its limits', () => {
  const far = zoomAt(CAMERA, SIZE, { x: 0, y: 0 }, 1e-12);
  const close = zoomAt(CAMERA, SIZE, { x: 0, y: 0 }, 1e12);
  expect(far.scale).toBeGreaterThan(0);
  expect(close.scale).toBeLessThan(1000);
});

test('the scene follows the pointer when it is dragged', () => {
  const world = toWorld(CAMERA, SIZE, { x: 100, y: 100 });
  expect(toScreen(pan(CAMERA, 30, -12), SIZE, world)).toEqual({ x: 130, y: 88 });
});

test('a union is the smallest bounds around both', () => {
  expect(union(null, [1, 2, 3, 4])).toEqual([1, 2, 3, 4]);
  expect(union([0, 0, 2, 2], [1, -1, 3, 1])).toEqual([0, -1, 3, 2]);
});
