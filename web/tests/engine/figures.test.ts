import { expect, test } from 'vitest';
import { backoffMs } from '../../src/engine/backoff';
import { ServerClock } from '../../src/engine/clock';
import { layerRole, lightShape, niceCeiling, SHAPE } from '../../src/engine/layerStyle';
import { layerFromKey } from '../../src/engine/layerStore';
import { RateMeter } from '../../src/engine/meters';
import { pick } from '../../src/engine/picking';
import { DrawList } from '../../src/engine/drawList';
import { wire } from '../helpers';

test('the pause before an attempt has a floor, a ceiling and jitter', () => {
  expect(backoffMs(1, 0)).toBe(150);
  expect(backoffMs(1, 1)).toBe(300);
  expect(backoffMs(50, 1)).toBe(15_000);
  expect(backoffMs(1, 1, true)).toBe(10_000);
});

test('the clock trusts the pong that came back fastest', () => {
  const clock = new ServerClock();
  clock.pong(100, 1000, 1500);
  clock.pong(10, 2000, 2995);
  clock.pong(400, 3000, 4500);
  expect(clock.offsetMs).toBe(1000);
  expect(clock.rttMs).toBe(400);
  expect(clock.sinceMs(3900, 3000)).toBe(100);
  expect(clock.sinceMs(9999, 3000)).toBe(0);
});

test('a clock that has heard nothing says so', () => {
  expect(new ServerClock().offsetMs).toBeNull();
  expect(new ServerClock().sinceMs(1, 2)).toBeNull();
});

test('a rate counts what lies in its window', () => {
  const meter = new RateMeter(1000);
  for (let at = 0; at < 2000; at += 100) meter.add(at);
  expect(meter.perSecond(1900)).toBe(10);
  expect(meter.perSecond(2500)).toBe(4);
  expect(meter.perSecond(9000)).toBe(0);
});

test.each([
  [0, 1],
  [13.9, 15],
  [15.1, 20],
  [27, 30],
  [0.7, 0.8],
])('a scale that has seen %f ends at %f', (seen, end) => {
  expect(niceCeiling(seen)).toBeCloseTo(end);
});

test.each([
  ['G', SHAPE.go],
  ['g', SHAPE.go],
  ['y', SHAPE.caution],
  ['r', SHAPE.stop],
  ['O', SHAPE.off],
  ['', SHAPE.off],
])('signal state "%s" has a shape of its own', (state, shape) => {
  expect(lightShape(state)).toBe(shape);
});

test('a layer is drawn by what its columns are', () => {
  const id = wire('u4', []);
  const at = { x: wire('f4', []), y: wire('f4', []) };
  const state = { ...wire('u1', []), values: ['r'] };
  const layer = (columns: object, names?: string[]) =>
    layerFromKey({ rows: 0, columns: { id, ...columns }, ...(names ? { names } : {}) });
  expect(layerRole('cars', layer(at))).toBe('entities');
  expect(layerRole('lights', layer({ ...at, state }))).toBe('lights');
  expect(layerRole('traffic', layer({ mean_speed: wire('f4', []) }, []))).toBe('edges');
  expect(layerRole('other', layer({ level: wire('f4', []) }))).toBe('data');
});

test('a click takes the nearest entity within reach, and nothing out of it', () => {
  const list = new DrawList('entities');
  const columns = { id: wire('u4', [5, 6]), x: wire('f4', [0, 10]), y: wire('f4', [0, 0]) };
  list.update(layerFromKey({ rows: 2, columns }), 1, 0, {
    originX: 0,
    originY: 0,
    types: null,
    accent: false,
  });
  const lists = new Map([['points', list]]);
  const camera = { x: 0, y: 0, scale: 1 };
  const size = { width: 100, height: 100 };
  expect(pick(lists, camera, size, { x: 57, y: 50 }, 1)).toEqual({ layer: 'points', id: 6 });
  expect(pick(lists, camera, size, { x: 50, y: 90 }, 1)).toBeNull();
});
