import { expect, test } from 'vitest';
import { Detail } from '../../src/engine/detail';
import { TierChooser, tierFor } from '../../src/engine/drawingTier';

test.each([
  [0, null, 'svg'],
  [499, null, 'svg'],
  [500, null, 'canvas'],
  [1000, null, 'canvas'],
  [1001, null, 'webgl'],
  [450, 'canvas', 'canvas'],
  [399, 'canvas', 'svg'],
  [900, 'webgl', 'webgl'],
  [800, 'webgl', 'canvas'],
] as const)('%i things, drawn by %s until now, are drawn by %s', (count, now, tier) => {
  expect(tierFor(count, now)).toBe(tier);
});

test('a change of the tier must be wanted for a while, unless there is far too much to draw', () => {
  const chooser = new TierChooser();
  expect(chooser.choose(100, 0)).toBe('svg');
  expect(chooser.choose(700, 100)).toBe('svg');
  expect(chooser.choose(100, 1000)).toBe('svg');
  expect(chooser.choose(700, 1100)).toBe('svg');
  expect(chooser.choose(700, 2700)).toBe('canvas');
  expect(chooser.choose(5000, 2701)).toBe('webgl');
});

test('what a person has chosen is drawn, whatever the size', () => {
  const chooser = new TierChooser();
  chooser.choice = 'canvas';
  expect(chooser.choose(50_000, 0)).toBe('canvas');
  chooser.choice = 'auto';
  expect(chooser.choose(50_000, 1)).toBe('webgl');
});

function feed(detail: Detail, intervalMs: number, fromMs: number, forMs: number): number {
  let nowMs = fromMs;
  while (nowMs < fromMs + forMs) {
    nowMs += intervalMs;
    detail.add(intervalMs, nowMs);
  }
  return nowMs;
}

test('slow pictures lose detail step by step, down to every fourth entity', () => {
  const detail = new Detail();
  feed(detail, 60, 0, 1000);
  expect([detail.level, detail.stride]).toEqual([1, 1]);
  feed(detail, 60, 1000, 6000);
  expect([detail.level, detail.stride]).toEqual([3, 4]);
});

test('detail comes back after a calm time, and after a longer one if that was a mistake', () => {
  const detail = new Detail();
  let nowMs = feed(detail, 60, 0, 1000);
  nowMs = feed(detail, 16, nowMs, 3000);
  expect(detail.level).toBe(1);
  nowMs = feed(detail, 16, nowMs, 5000);
  expect(detail.level).toBe(0);
  nowMs = feed(detail, 60, nowMs, 1000);
  nowMs = feed(detail, 16, nowMs, 8000);
  expect(detail.level).toBe(1);
});

test('a hidden tab is not a slow machine', () => {
  const detail = new Detail();
  for (let i = 0; i < 50; i++) detail.add(2000, i * 2000);
  expect(detail.level).toBe(0);
});

test('detail that is known to be too much is left out at once, and not tried again', () => {
  const detail = new Detail();
  expect(detail.setLeast(1)).toBe(true);
  expect(detail.setLeast(1)).toBe(false);
  const nowMs = feed(detail, 16, 0, 20_000);
  expect(detail.level).toBe(1);
  detail.setLeast(0);
  feed(detail, 16, nowMs, 7000);
  expect(detail.level).toBe(0);
});
