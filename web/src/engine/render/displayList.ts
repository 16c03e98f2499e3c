/**
 * A picture as flat lists in CSS pixels, for the drawing tiers without shaders. Pure: what it makes of a view is what
 * the WebGL2 shaders make of it, and both are told by the same draw lists.
 */
import type { Size } from '../camera';
import { FLOATS, type DrawList } from '../drawList';
import { mix } from '../interpolation';
import { SHAPE } from '../layerStyle';
import { ARROW_PX, LINE_FLOATS, LINE_KIND, LINE_PX, readStyle, type LineList } from '../lineList';
import { colourOf, packed, type ScenePalette } from './palette';
import { simpleFor, strideFor, type View } from './renderer';

/** x, y, angle (clockwise, radians), half length, half width, shape, colour (0xRRGGBB), pattern. */
export const MARK = 8;
/** ax, ay, bx, by, width, colour, opacity. */
export const STROKE = 7;

export interface DisplayList {
  marks: number[];
  under: number[];
  over: number[];
  /** x, y, radius of the selection's ring. */
  ring: readonly [number, number, number] | null;
}

export interface Picturable {
  layers: ReadonlyMap<string, DrawList>;
  lines: ReadonlyMap<string, LineList>;
  palette: ScenePalette;
}

const LIGHT_MOST_PX = 11;
const MARGIN_PX = 60;

export function displayList(view: View, { layers, lines, palette }: Picturable): DisplayList {
  const list: DisplayList = { marks: [], under: [], over: [], ring: null };
  for (const name of view.under) addStrokes(lines.get(name), view, palette, list.under);
  for (const name of view.layers) {
    const layer = layers.get(name);
    if (layer === undefined) continue;
    const stride = strideFor(view, layer.count);
    for (let row = 0; row < layer.count; row += stride) {
      addMark(layer, row, view, palette, list.marks);
      if (view.vectors) addVelocity(layer, row, view, palette, list.over);
    }
    if (view.selected?.layer === name) list.ring = ringAround(layer, view.selected.row, view);
  }
  for (const name of view.over) addStrokes(lines.get(name), view, palette, list.over);
  return list;
}

/** Half the size that a mark is drawn with. Sizes have a lower limit, which shrinks while a whole city is in view. */
export function halfSize(
  shape: number,
  length: number,
  width: number,
  scale: number,
): [number, number] {
  const near = smooth(0.25, 1.2, scale);
  const least =
    shape === SHAPE.vehicle ? [mix(3, 4.6, near), mix(1.7, 2.5, near)] : [mix(1.6, 3, near)];
  const half = [
    Math.max((length / 2) * scale, least[0] ?? 0),
    Math.max((width / 2) * scale, least[1] ?? least[0] ?? 0),
  ] as [number, number];
  if (!isLight(shape)) return half;
  return [Math.min(half[0], LIGHT_MOST_PX), Math.min(half[1], LIGHT_MOST_PX)];
}

export function isLight(shape: number): boolean {
  return shape >= SHAPE.go && shape <= SHAPE.off;
}

function addMark(
  layer: DrawList,
  row: number,
  view: View,
  palette: ScenePalette,
  marks: number[],
): void {
  const { texels } = layer;
  const at = row * FLOATS;
  const [x, y] = place(texels, at, view);
  const shape = texels[at + 10] ?? 0;
  const number = texels[at + 7] ?? 0;
  const [halfLength, halfWidth] = halfSize(
    shape,
    texels[at + 8] ?? 0,
    texels[at + 9] ?? 0,
    view.camera.scale,
  );
  if (outside(x, y, view, Math.max(halfLength, halfWidth) * 1.5)) return;
  const lights = [palette.go, palette.caution, palette.stop, palette.off];
  const rgb = isLight(shape)
    ? (lights[shape - SHAPE.go] ?? palette.off)
    : colourOf(palette, number, (texels[at + 6] ?? 0) / view.speedMax);
  const angle = -mix(texels[at + 4] ?? 0, texels[at + 5] ?? 0, view.alpha);
  const pattern =
    shape === SHAPE.block && number > 0 && !simpleFor(view, layer.count) ? number % 4 : 0;
  marks.push(x, y, angle, halfLength, halfWidth, shape, packed(rgb), pattern);
}

/** One second of travel ahead of the nose. */
function addVelocity(
  layer: DrawList,
  row: number,
  view: View,
  palette: ScenePalette,
  strokes: number[],
): void {
  const { texels } = layer;
  const at = row * FLOATS;
  const speed = texels[at + 6] ?? 0;
  if (!(speed > 0) || texels[at + 10] !== SHAPE.vehicle) return;
  const [x, y] = place(texels, at, view);
  if (outside(x, y, view)) return;
  const angle = mix(texels[at + 4] ?? 0, texels[at + 5] ?? 0, view.alpha);
  const reach = speed * view.camera.scale;
  const colour = packed(colourOf(palette, texels[at + 7] ?? 0, speed / view.speedMax));
  strokes.push(x, y, x + Math.cos(angle) * reach, y - Math.sin(angle) * reach, 2.2, colour, 1);
}

function addStrokes(
  list: LineList | undefined,
  view: View,
  palette: ScenePalette,
  strokes: number[],
): void {
  if (list === undefined) return;
  const { texels } = list;
  for (let i = 0, at = 0; i < list.count; i++, at += LINE_FLOATS) {
    const [ax, ay] = place(texels, at, view);
    const [kind, opacity] = readStyle(texels[at + 7] ?? 0);
    const arrow = kind === LINE_KIND.arrow;
    const unit = arrow ? ARROW_PX / Math.max(list.longest, 1e-9) : view.camera.scale;
    const bx = ax + (texels[at + 4] ?? 0) * unit;
    const by = ay - (texels[at + 5] ?? 0) * unit;
    if (outside(ax, ay, view) && outside(bx, by, view)) continue;
    const colour = packed(colourOf(palette, texels[at + 6] ?? 0, 0));
    const width = LINE_PX[kind] ?? 2;
    strokes.push(ax, ay, bx, by, width, colour, opacity);
    if (arrow) addHead(ax, ay, bx, by, width, colour, opacity, strokes);
  }
}

function addHead(
  ax: number,
  ay: number,
  bx: number,
  by: number,
  width: number,
  colour: number,
  opacity: number,
  strokes: number[],
): void {
  const length = Math.hypot(bx - ax, by - ay);
  if (length < 4) return;
  const size = Math.min(6, length * 0.4);
  const back = Math.atan2(ay - by, ax - bx);
  for (const turn of [0.5, -0.5]) {
    const x = bx + Math.cos(back + turn) * size;
    const y = by + Math.sin(back + turn) * size;
    strokes.push(bx, by, x, y, width, colour, opacity);
  }
}

function ringAround(
  layer: DrawList,
  row: number,
  view: View,
): readonly [number, number, number] | null {
  if (row >= layer.count) return null;
  const at = row * FLOATS;
  const [x, y] = place(layer.texels, at, view);
  const [length, width] = halfSize(
    layer.texels[at + 10] ?? 0,
    layer.texels[at + 8] ?? 0,
    layer.texels[at + 9] ?? 0,
    view.camera.scale,
  );
  return [x, y, Math.max(length, width) + 7];
}

function place(texels: Float32Array, at: number, view: View): [number, number] {
  const x = mix(texels[at] ?? 0, texels[at + 2] ?? 0, view.alpha);
  const y = mix(texels[at + 1] ?? 0, texels[at + 3] ?? 0, view.alpha);
  const { camera } = view;
  return [
    (x - camera.x) * camera.scale + view.width / 2,
    (camera.y - y) * camera.scale + view.height / 2,
  ];
}

function outside(x: number, y: number, { width, height }: Size, margin = MARGIN_PX): boolean {
  return x < -margin || y < -margin || x > width + margin || y > height + margin;
}

function smooth(from: number, to: number, value: number): number {
  const t = Math.min(Math.max((value - from) / (to - from), 0), 1);
  return t * t * (3 - 2 * t);
}
