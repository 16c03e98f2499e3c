/** Where the scene is looked at from. World units are metres, y up; screen units are CSS pixels, y down. */

export interface Camera {
  /** World point in the middle of the view. */
  x: number;
  y: number;
  /** Pixels per metre. */
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

export interface Point {
  x: number;
  y: number;
}

/** x0, y0, x1, y1 */
export type Bounds = readonly [number, number, number, number];

const MIN_SCALE = 1e-4;
const MAX_SCALE = 400;
/** Pixels kept free around what is fitted. */
const MARGIN_X = 24;
const MARGIN_Y = 68;

export function clampScale(scale: number): number {
  return Math.min(Math.max(scale, MIN_SCALE), MAX_SCALE);
}

/** The camera that shows all of `bounds`, clear of what lies over the scene at its top and bottom. */
export function fit(bounds: Bounds, size: Size): Camera {
  const [x0, y0, x1, y1] = bounds;
  const width = Math.max(x1 - x0, 1);
  const height = Math.max(y1 - y0, 1);
  const freeWidth = Math.max(size.width - 2 * MARGIN_X, 1);
  const freeHeight = Math.max(size.height - 2 * Math.min(MARGIN_Y, size.height / 8), 1);
  return {
    x: (x0 + x1) / 2,
    y: (y0 + y1) / 2,
    scale: clampScale(Math.min(freeWidth / width, freeHeight / height)),
  };
}

export function toWorld(camera: Camera, size: Size, screen: Point): Point {
  return {
    x: camera.x + (screen.x - size.width / 2) / camera.scale,
    y: camera.y - (screen.y - size.height / 2) / camera.scale,
  };
}

export function toScreen(camera: Camera, size: Size, world: Point): Point {
  return {
    x: (world.x - camera.x) * camera.scale + size.width / 2,
    y: (camera.y - world.y) * camera.scale + size.height / 2,
  };
}

/** The scene follows the pointer by `dx`, `dy` pixels. */
export function pan(camera: Camera, dx: number, dy: number): Camera {
  return { ...camera, x: camera.x - dx / camera.scale, y: camera.y + dy / camera.scale };
}

/** Zooms by `factor`; the world point under `at` stays there. */
export function zoomAt(camera: Camera, size: Size, at: Point, factor: number): Camera {
  const fixed = toWorld(camera, size, at);
  const scale = clampScale(camera.scale * factor);
  return {
    x: fixed.x - (at.x - size.width / 2) / scale,
    y: fixed.y + (at.y - size.height / 2) / scale,
    scale,
  };
}

/** The smallest bounds around both. */
export function union(a: Bounds | null, b: Bounds): Bounds {
  if (a === null) return b;
  return [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
}
