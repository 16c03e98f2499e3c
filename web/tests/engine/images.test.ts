import { expect, test } from 'vitest';
import type { CameraImage } from '../../src/engine/bridge';
import { Images } from '../../src/engine/images';
import type { ImageMessage } from '../../src/protocol/messages';

function image(camera: string, step: number, more: Partial<ImageMessage> = {}): ImageMessage {
  return {
    type: 'image',
    run: 'town',
    tier: 'high',
    epoch: 'e1',
    offset: `1-${step}`,
    camera,
    mime: 'image/jpeg',
    step,
    time_s: step,
    data: new Uint8Array([step]),
    ...more,
  };
}

/** Does something, and lets what awaits it go on. */
async function settle(act: () => void): Promise<void> {
  act();
  await Promise.resolve();
  await Promise.resolve();
  await Promise.resolve();
}

/** A decoder that answers when it is told to. */
function setUp() {
  const waiting: { resolve: (bitmap: ImageBitmap) => void; reject: (why: Error) => void }[] = [];
  const shown: CameraImage[] = [];
  let closed = 0;
  const images = new Images(
    (picture) => shown.push(picture),
    () => new Promise((resolve, reject) => waiting.push({ resolve, reject })),
  );
  const bitmap = { close: () => closed++ } as unknown as ImageBitmap;
  return {
    images,
    shown,
    waiting,
    done: () => settle(() => waiting.shift()?.resolve(bitmap)),
    fail: () => settle(() => waiting.shift()?.reject(new Error('no picture'))),
    closed: () => closed,
  };
}

test('of the pictures that come while one is decoded only the newest is shown', async () => {
  const { images, shown, waiting, done } = setUp();
  for (const step of [1, 2, 3, 4]) images.take(image('front', step), 5);
  expect(waiting).toHaveLength(1);
  await done();
  await done();
  expect(shown.map(({ step, skipped }) => [step, skipped])).toEqual([
    [1, 2],
    [4, 2],
  ]);
  images.take(image('front', 5), 5);
  await done();
  expect(shown.at(-1)?.step).toBe(5);
});

test('cameras do not wait for one another', async () => {
  const { images, waiting } = setUp();
  images.take(image('front', 1), null);
  images.take(image('rear', 1), null);
  expect(waiting).toHaveLength(2);
});

test('a picture that cannot be decoded is counted, and the next one is shown', async () => {
  const { images, shown, done, fail } = setUp();
  images.take(image('front', 1), null);
  await fail();
  images.take(image('front', 2, { skipped: 3 }), null);
  await done();
  expect(shown.map(({ step, skipped }) => [step, skipped])).toEqual([[2, 4]]);
});

test('a picture of the run before is thrown away', async () => {
  const { images, shown, done, closed } = setUp();
  images.take(image('front', 1), null);
  images.clear();
  await done();
  expect([shown.length, closed()]).toEqual([0, 1]);
});
