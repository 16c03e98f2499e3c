import { expect, test } from 'vitest';
import { FrameChain } from '../../src/engine/frameChain';
import { FrameHistory } from '../../src/engine/frameHistory';
import { cellValue, type Layer } from '../../src/engine/layerStore';
import { LookBack } from '../../src/engine/lookBack';
import type { FrameMessage } from '../../src/protocol/messages';
import { frame } from '../helpers';
import { Chain } from '../double/chain.mjs';
import { Streets } from '../double/streets.mjs';

/** Where all vehicles are, by id. */
function places(layers: ReadonlyMap<string, Layer>): Map<number, number> {
  const layer = layers.get('vehicles');
  const [ids, x] = [layer?.columns.get('id'), layer?.columns.get('x')];
  const found = new Map<number, number>();
  if (layer === undefined || ids === undefined || x === undefined) return found;
  for (let row = 0; row < layer.rows; row++) {
    found.set(Number(cellValue(ids, row)), Number(cellValue(x, row)));
  }
  return found;
}

/** A town that runs for so many frames, 100 ms apart, and where its vehicles were at each. */
function run(history: FrameHistory, frames: number, more: Partial<FrameMessage> = {}) {
  const streets = new Streets(60);
  const wire = new Chain();
  const chain = new FrameChain();
  const truth: Map<number, number>[] = [];
  for (let n = 0; n < frames; n++) {
    streets.advance(0.5);
    const deltas = wire.delta(streets.layers());
    const key = n === 0;
    const message = frame({
      key,
      offset: `1-${n}`,
      prev: key ? null : `1-${n - 1}`,
      step: n,
      time_s: n / 10,
      layers: (key ? wire.key() : deltas) as FrameMessage['layers'],
      metrics: { n },
      ...more,
    });
    expect(chain.apply(message)).toBe('applied');
    history.add(message, chain, n * 100);
    truth.push(places(chain.layers));
  }
  return { chain, truth };
}

test('every moment that is kept is as it was, whichever whole state it is made from', () => {
  const history = new FrameHistory();
  const { truth } = run(history, 75);
  for (const seq of [0, 1, 19, 20, 21, 50, 74]) {
    const moment = history.at(seq);
    expect(moment).toMatchObject({ seq, step: seq, timeS: seq / 10, metrics: { n: seq } });
    expect(places(moment?.layers ?? new Map())).toEqual(truth[seq]);
  }
});

test('looking at a moment leaves what is kept as it was', () => {
  const history = new FrameHistory();
  const { truth } = run(history, 30);
  history.at(29);
  history.at(29);
  expect(places(history.at(5)?.layers ?? new Map())).toEqual(truth[5]);
});

test('it is bounded in time, and the numbers of its frames keep their meaning', () => {
  const history = new FrameHistory(3000);
  const { truth } = run(history, 100);
  const span = history.span;
  expect(span?.last).toBe(99);
  expect(span?.first).toBeGreaterThan(40);
  expect(span?.first).toBeLessThanOrEqual(70);
  expect(places(history.at(80)?.layers ?? new Map())).toEqual(truth[80]);
  expect(history.at(3)?.seq).toBe(span?.first);
});

test('it is bounded in bytes', () => {
  const history = new FrameHistory(1e9, 60_000);
  run(history, 200);
  const span = history.span ?? { first: 0, last: 0 };
  expect(span.last - span.first).toBeLessThan(100);
});

test('another life of the producer begins anew', () => {
  const history = new FrameHistory();
  run(history, 30);
  run(history, 10, { epoch: 'e2' });
  expect(history.span).toMatchObject({ first: 30, last: 39, fromS: 0 });
});

test('one steps through it frame by frame, and beyond its end into the present', () => {
  const look = new LookBack();
  const { chain } = run(look.history, 30);
  expect(look.go({ by: -1 })).toBe(true);
  expect(look.moment?.seq).toBe(28);
  expect(look.summary(chain)).toMatchObject({ at: 28, live: { timeS: 2.9 } });
  expect(look.summary(chain)?.behindS).toBeCloseTo(0.1);
  look.go('first');
  expect(look.moment?.seq).toBe(0);
  look.go({ by: -10 });
  expect(look.moment?.seq).toBe(0);
  look.go({ seq: 28 });
  look.go({ by: 1 });
  expect(look.moment).toBeNull();
  expect(look.go('live')).toBe(false);
});
