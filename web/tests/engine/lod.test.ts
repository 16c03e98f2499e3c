import { expect, test } from 'vitest';
import { FrameChain } from '../../src/engine/frameChain';
import { Playout } from '../../src/engine/playout';
import { Stage } from '../../src/engine/stage';
import { frame, wire } from '../helpers';

const columns = (ids: number[], x: number[]) => ({
  id: wire('u4', ids),
  x: wire('f4', x),
  y: wire('f4', x),
});

test('a tier that shows cells says how large they are, and one that leaves layers out says which', () => {
  const chain = new FrameChain();
  chain.apply(
    frame({
      tier: 'ultra_low',
      layers: {
        vehicles: {
          rows: 1,
          columns: { ...columns([0], [5]), count: wire('u2', [12]) },
          lod: { cell: 50 },
        },
      },
      left_out: ['forces'],
    }),
  );
  expect(chain.layers.get('vehicles')?.cell).toBe(50);
  expect(chain.leftOut).toEqual(['forces']);
  chain.apply(
    frame({ offset: '1-2', layers: { vehicles: { rows: 1, columns: columns([0], [5]) } } }),
  );
  expect(chain.layers.get('vehicles')?.cell).toBeNull();
  expect(chain.leftOut).toEqual([]);
});

test('an entity does not fly out of the cell that had its number', () => {
  const chain = new FrameChain();
  const stage = new Stage(chain.layers, new Playout());
  const show = (key: Parameters<typeof frame>[0]): void => {
    chain.apply(frame(key));
    stage.update({ alpha: 1, elapsedS: 1, timeS: 1, changed: null, advanced: true });
  };
  show({
    layers: { vehicles: { rows: 1, columns: columns([0], [5]), lod: { cell: 50 } } },
  });
  show({ offset: '1-2', layers: { vehicles: { rows: 1, columns: columns([0], [400]) } } });
  stage.draw(0);
  const list = stage.lists.get('vehicles');
  expect(list?.cell).toBeNull();
  expect(list?.pose(0, 0).x).toBe(list?.pose(0, 1).x);
});

test('nothing is drawn again before something has moved by what can be seen', () => {
  const chain = new FrameChain();
  const playout = new Playout();
  const stage = new Stage(chain.layers, playout);
  let drawn = 0;
  const renderer = new Proxy({} as Record<string, unknown>, {
    get: (_target, name) => (name === 'draw' ? () => (drawn += 1) : () => undefined),
  });
  stage.setRenderer(renderer as never, { state: 'ready', name: 'x', tier: 'svg', note: null });
  stage.resize(100, 100, 1);
  const at = (x: number, n: number): void => {
    chain.apply(
      frame({ offset: `1-${n}`, step: n, layers: { a: { rows: 1, columns: columns([1], [x]) } } }),
    );
    playout.arrived(n * 100);
    stage.update({ alpha: 1, elapsedS: 0.1, timeS: n, changed: null, advanced: true });
  };
  at(0, 1);
  at(0, 2);
  expect(stage.draw(200)).toBe(true);
  expect([210, 220, 290].map((now) => stage.draw(now))).toEqual([false, false, false]);
  at(30, 3);
  expect(stage.draw(300)).toBe(true);
  expect(stage.draw(350)).toBe(true);
  expect(drawn).toBe(3);
  stage.options = { maxFps: 10, thresholdPx: 0.25 };
  at(60, 4);
  expect(stage.draw(400)).toBe(true);
  expect(stage.draw(450)).toBe(false);
});

test('frames that come between two pictures are packed once, as one move from what was shown', () => {
  const chain = new FrameChain();
  const playout = new Playout();
  const stage = new Stage(chain.layers, playout);
  let uploads = 0;
  const renderer = new Proxy({} as Record<string, unknown>, {
    get: (_target, name) => (name === 'setLayer' ? () => (uploads += 1) : () => undefined),
  });
  stage.setRenderer(renderer as never, { state: 'ready', name: 'x', tier: 'svg', note: null });
  const at = (x: number, n: number): void => {
    const alpha = playout.alpha(n * 100);
    chain.apply(
      frame({ offset: `1-${n}`, step: n, layers: { a: { rows: 1, columns: columns([1], [x]) } } }),
    );
    playout.arrived(n * 100);
    stage.update({ alpha, elapsedS: 0.1, timeS: n, changed: null, advanced: true });
  };
  at(0, 1);
  stage.draw(150);
  for (let n = 2; n <= 9; n++) at(n, n);
  expect(uploads).toBe(1);
  stage.draw(950);
  expect(uploads).toBe(2);
  const pose = (alpha: number): number => stage.lists.get('a')?.pose(0, alpha).x ?? NaN;
  expect([pose(0), pose(1)]).toEqual([0, 9]);
});

test('arrows are made only while they are shown', () => {
  const chain = new FrameChain();
  const stage = new Stage(chain.layers, new Playout());
  const lines = new Map<string, unknown>();
  const renderer = new Proxy({} as Record<string, unknown>, {
    get: (_target, name) =>
      name === 'setLines' ? (key: string, list: unknown) => lines.set(key, list) : () => undefined,
  });
  stage.setRenderer(renderer as never, { state: 'ready', name: 'x', tier: 'svg', note: null });
  const force = columns([1], [5]);
  const all = { ...force, fx: force['x'] as never, fy: force['x'] as never };
  chain.apply(frame({ layers: { forces: { rows: 1, columns: all } } }));
  stage.update({ alpha: 1, elapsedS: 0.1, timeS: 1, changed: null, advanced: true });
  stage.draw(100);
  expect(lines.get('vectors forces')).toBeNull();
  stage.setVectors(true);
  expect(lines.get('vectors forces')).toMatchObject({ count: 1 });
});
