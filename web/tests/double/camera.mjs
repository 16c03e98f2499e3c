/** Pictures of a made-up camera, as PNG, which needs nothing but zlib. */
import { crc32, deflateSync } from 'node:zlib';

const WIDTH = 320;
const HEIGHT = 180;

/** A street that cars come along; `timeS` moves them. */
export function cameraPicture(timeS) {
  const rows = Buffer.alloc(HEIGHT * (1 + WIDTH * 3));
  for (let y = 0; y < HEIGHT; y++) {
    for (let x = 0; x < WIDTH; x++)
      rows.set(colourAt(x, y, timeS), y * (1 + WIDTH * 3) + 1 + x * 3);
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(WIDTH, 0);
  head.writeUInt32BE(HEIGHT, 4);
  head.set([8, 2, 0, 0, 0], 8);
  return {
    mime: 'image/png',
    width: WIDTH,
    height: HEIGHT,
    data: Buffer.concat([
      Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
      chunk('IHDR', head),
      chunk('IDAT', deflateSync(rows, { level: 1 })),
      chunk('IEND', Buffer.alloc(0)),
    ]),
  };
}

function colourAt(x, y, timeS) {
  const horizon = HEIGHT * 0.4;
  if (y < horizon) return [90 + y, 120 + y, 150 + y];
  const near = (y - horizon) / (HEIGHT - horizon);
  const across = (x - WIDTH / 2) / (WIDTH * (0.06 + 0.44 * near));
  if (Math.abs(across) > 1) return [58, 84 - 20 * near, 52];
  const way = 1 / (near + 0.05);
  if (Math.abs(across) < 0.03 && Math.sin(way * 6 + timeS * 9) > 0) return [220, 220, 210];
  for (const [lane, speed, red] of [
    [0.5, 0.13, 200],
    [-0.5, 0.21, 70],
  ]) {
    const at = (timeS * speed) % 1;
    if (Math.abs(near - at) < 0.07 * (0.3 + at) && Math.abs(across - lane) < 0.28)
      return [red, 60, 190];
  }
  return [62 + 20 * near, 64 + 20 * near, 70 + 20 * near];
}

function chunk(name, body) {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), body]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(body.length, 0);
  framed.set(named, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
