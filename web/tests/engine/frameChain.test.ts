import { beforeEach, expect, test } from 'vitest';
import { FrameChain } from '../../src/engine/frameChain';
import { frame, wire } from '../helpers';

let chain: FrameChain;

const layers = { cars: { rows: 1, columns: { id: wire('u4', [1]), x: wire('f4', [0]) } } };

function delta(offset: string, prev: string, more: object = {}) {
  return frame({ key: false, offset, prev, step: 2, time_s: 0.2, ...more });
}

beforeEach(() => {
  chain = new FrameChain();
  chain.apply(frame({ offset: '1-1', layers, metrics: { running: 1, waiting: 0 } }));
});

test('a delta made for the last frame is applied', () => {
  expect(chain.apply(delta('1-2', '1-1'))).toBe('applied');
  expect(chain.timeS).toBe(0.2);
});

test.each([
  ['another frame', { prev: '1-0' }],
  ['another tier', { tier: 'low' }],
  ['another epoch', { epoch: 'e2' }],
])('a delta made for %s is refused', (_what, more) => {
  expect(chain.apply(delta('1-2', '1-1', more))).toBe('broken');
  expect(chain.timeS).toBe(0.1);
});

test('after a refused delta the very next one may still fit the last frame', () => {
  chain.apply(delta('1-9', '1-8'));
  expect(chain.apply(delta('1-2', '1-1'))).toBe('applied');
});

test('a malformed delta breaks the chain until a keyframe comes', () => {
  const bad = { cars: { rows: 1, drop: wire('u1', [9]) } };
  expect(chain.apply(delta('1-2', '1-1', { layers: bad }))).toBe('broken');
  expect(chain.apply(delta('1-3', '1-2'))).toBe('broken');
  expect(chain.apply(frame({ offset: '1-4', layers, step: 4, time_s: 0.4 }))).toBe('applied');
});

test('a malformed keyframe leaves the state that was there', () => {
  const torn = { cars: { rows: 2, columns: { id: wire('u4', [1]) } } };
  expect(chain.apply(frame({ offset: '1-2', layers: torn }))).toBe('broken');
  expect(chain.layers.get('cars')?.rows).toBe(1);
});

test('a keyframe replaces layers and metrics, a delta only what it names', () => {
  chain.apply(delta('1-2', '1-1', { metrics: { running: 5 } }));
  expect(Object.fromEntries(chain.metrics)).toEqual({ running: 5, waiting: 0 });
  chain.apply(frame({ offset: '1-3', step: 3, time_s: 0.3, metrics: { other: 1 } }));
  expect(Object.fromEntries(chain.metrics)).toEqual({ other: 1 });
  expect(chain.layers.size).toBe(0);
});

test('the time never steps back within an epoch, and the chain goes on all the same', () => {
  chain.apply(frame({ offset: '1-5', layers, step: 50, time_s: 5 }));
  expect(chain.apply(frame({ offset: '1-3', layers, step: 30, time_s: 3 }))).toBe('held');
  expect(chain.timeS).toBe(5);
  expect(chain.apply(delta('1-4', '1-3', { step: 51, time_s: 5.1 }))).toBe('applied');
  expect(chain.timeS).toBe(5.1);
});

test('a new epoch may begin at zero', () => {
  chain.apply(frame({ offset: '1-5', layers, step: 50, time_s: 5 }));
  expect(chain.apply(frame({ epoch: 'e2', offset: '2-1', layers, step: 0, time_s: 0 }))).toBe(
    'applied',
  );
  expect(chain.timeS).toBe(0);
});

test('a producer that begins again may begin at an earlier time, and its former life is not shown any more', () => {
  chain.apply(frame({ offset: '1-2', layers, step: 90, time_s: 9, life: 1 }));
  expect(chain.apply(frame({ offset: '1-3', layers, step: 1, time_s: 0.1, life: 2 }))).toBe(
    'applied',
  );
  expect(chain.timeS).toBe(0.1);
  expect(chain.apply(frame({ offset: '1-2', layers, step: 95, time_s: 9.5, life: 1 }))).toBe(
    'held',
  );
  expect(chain.timeS).toBe(0.1);
});
