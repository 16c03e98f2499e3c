import { expect, test, vi } from 'vitest';
import type { FromEngine, RendererStatus } from '../../src/engine/bridge';
import type { DrawingTier } from '../../src/engine/drawingTier';
import type { Renderer } from '../../src/engine/render/renderer';
import { Surfaces } from '../../src/engine/surfaces';

function setUp(refuses: readonly DrawingTier[] = []) {
  const posted: FromEngine[] = [];
  const statuses: RendererStatus[] = [];
  const logged: string[] = [];
  const disposed: DrawingTier[] = [];
  const surfaces = new Surfaces(
    {
      post: (message) => posted.push(message),
      changed: (_renderer, status) => statuses.push(status),
      log: (_level, text) => logged.push(text),
    },
    (tier) => {
      if (refuses.includes(tier)) throw new Error('not here');
      return { name: tier, tier, dispose: () => disposed.push(tier) } as unknown as Renderer;
    },
  );
  const wanted = () => posted.filter((message) => message.type === 'surface-wanted');
  const give = (canvas: EventTarget = new EventTarget()) => {
    const { tier, serial } = wanted().at(-1) ?? { tier: 'svg', serial: 0 };
    surfaces.arrived(tier, serial, tier === 'svg' ? null : (canvas as OffscreenCanvas));
  };
  return { surfaces, posted, statuses, logged, disposed, wanted, give };
}

test('a surface is asked for once, and the old one is given back after the first picture', () => {
  const { surfaces, posted, wanted, give, disposed } = setUp();
  surfaces.use('svg');
  surfaces.use('svg');
  expect(wanted()).toEqual([{ type: 'surface-wanted', tier: 'svg', serial: 1 }]);
  give();
  surfaces.drawn();
  surfaces.use('webgl');
  give();
  expect(disposed).toEqual(['svg']);
  expect(posted.at(-1)?.type).toBe('surface-wanted');
  surfaces.drawn();
  surfaces.drawn();
  expect(posted.filter(({ type }) => type === 'surface-drawn')).toHaveLength(2);
});

test('an answer that was overtaken is left alone', () => {
  const { surfaces, statuses, give } = setUp();
  surfaces.use('svg');
  surfaces.use('canvas');
  surfaces.arrived('svg', 1, null);
  expect(statuses).toEqual([]);
  give();
  expect(statuses).toEqual([{ state: 'ready', name: 'canvas', tier: 'canvas', note: null }]);
});

test('a tier that cannot be had is replaced by the next simpler one, and that is said', () => {
  const { surfaces, statuses, logged, wanted, give } = setUp(['webgl']);
  surfaces.use('webgl');
  give();
  expect(logged).toEqual(['WebGL2 cannot be used: not here. Canvas 2D draws.']);
  give();
  expect(wanted().map(({ tier }) => tier)).toEqual(['webgl', 'canvas']);
  expect(statuses.at(-1)).toEqual({
    state: 'ready',
    name: 'canvas',
    tier: 'canvas',
    note: 'not here',
  });
});

test('where nothing can be had, that is the state', () => {
  const { surfaces, statuses, give } = setUp(['webgl', 'canvas', 'svg']);
  surfaces.use('webgl');
  give();
  give();
  give();
  expect(statuses.at(-1)).toEqual({ state: 'unsupported', cause: 'not here' });
});

test('a lost WebGL2 context falls back to Canvas 2D, and comes back when it is given again', () => {
  vi.useFakeTimers();
  const { surfaces, statuses, logged, wanted, give } = setUp();
  const canvas = new EventTarget();
  surfaces.use('webgl');
  give(canvas);
  const lost = new Event('webglcontextlost', { cancelable: true });
  canvas.dispatchEvent(lost);
  expect(lost.defaultPrevented).toBe(true);
  expect(statuses.at(-1)).toEqual({ state: 'lost' });
  give();
  expect(statuses.at(-1)).toMatchObject({ tier: 'canvas' });
  canvas.dispatchEvent(new Event('webglcontextrestored'));
  expect(wanted().map(({ tier }) => tier)).toEqual(['webgl', 'canvas', 'webgl']);
  give();
  expect(statuses.at(-1)).toMatchObject({ tier: 'webgl', note: null });
  expect(logged).toHaveLength(2);
  vi.useRealTimers();
});

test('a page that has lost its surface is asked for a new one', () => {
  const { surfaces, wanted, give } = setUp();
  surfaces.renew();
  expect(wanted()).toEqual([]);
  surfaces.use('canvas');
  give();
  surfaces.renew();
  expect(wanted().map(({ tier }) => tier)).toEqual(['canvas', 'canvas']);
});
