/** Puts the worker's pictures into an SVG document. Elements are kept and changed: making them anew would cost a layout each. */
import { MARK, STROKE } from '../engine/render/displayList';
import { strokeWidth } from '../engine/render/mapPaths';
import type { SvgMap, SvgPicture } from '../engine/render/svgPicture';
import { BLOCK_PATTERNS, UNIT_SHAPES } from '../engine/render/unitShapes';

const NAMESPACE = 'http://www.w3.org/2000/svg';
const DEGREES = 180 / Math.PI;

export class SvgPainter {
  readonly element = make('svg');
  private readonly background = make('rect');
  private readonly grid = make('path');
  private readonly map = make('g');
  private readonly areas = make('path');
  private readonly under = make('g');
  private readonly marks = make('g');
  private readonly over = make('g');
  private readonly ring = make('circle');
  private lines: { element: SVGElement; width: number }[] = [];
  private scale = 0;

  constructor() {
    const { element, background, grid, map, under, marks, over, ring } = this;
    set(background, 'width', '100%');
    set(background, 'height', '100%');
    set(grid, 'fill', 'none');
    set(map, 'fill', 'none');
    for (const group of [under, over]) set(group, 'stroke-linecap', 'round');
    set(marks, 'stroke-width', '1');
    set(ring, 'fill', 'none');
    set(ring, 'stroke-width', '2');
    element.append(background, grid, map, under, marks, over, ring);
  }

  paint(picture: SvgPicture): void {
    const { element, ring } = this;
    set(element, 'viewBox', `0 0 ${picture.width} ${picture.height}`);
    set(this.background, 'fill', picture.background);
    set(this.grid, 'd', picture.grid);
    set(this.grid, 'stroke', picture.gridColour);
    this.paintMap(picture);
    set(this.marks, 'stroke', picture.outline);
    paintStrokes(this.under, picture.under);
    paintMarks(this.marks, picture.marks);
    paintStrokes(this.over, picture.over);
    set(ring, 'visibility', picture.ring === null ? 'hidden' : 'visible');
    if (picture.ring === null) return;
    const [x, y, radius] = picture.ring;
    set(ring, 'cx', x);
    set(ring, 'cy', y);
    set(ring, 'r', radius);
    set(ring, 'stroke', picture.accent);
  }

  private paintMap({ map, mapColours, scale, left, top }: SvgPicture): void {
    if (map !== undefined) this.replaceMap(map);
    set(this.map, 'transform', `matrix(${scale} 0 0 ${-scale} ${left} ${top})`);
    if (scale !== this.scale || map !== undefined) {
      this.scale = scale;
      for (const { element, width } of this.lines) {
        set(element, 'stroke-width', strokeWidth(width, scale));
      }
    }
    mapColours?.forEach((colour, i) => {
      const line = this.lines[i];
      if (line !== undefined) set(line.element, 'stroke', colour);
    });
  }

  private replaceMap(map: SvgMap | null): void {
    this.lines = (map?.lines ?? []).map(({ d, width }) => {
      const element = make('path');
      set(element, 'd', d);
      return { element, width };
    });
    set(this.areas, 'd', map?.areas ?? '');
    set(this.areas, 'fill', map?.areaColour ?? 'none');
    this.map.replaceChildren(this.areas, ...this.lines.map(({ element }) => element));
  }
}

function paintMarks(group: SVGElement, marks: Float32Array): void {
  const count = marks.length / MARK;
  fill(group, count, () => {
    const mark = make('g');
    mark.append(make('path'), make('path'));
    for (const path of mark.children) path.setAttribute('vector-effect', 'non-scaling-stroke');
    return mark;
  });
  for (let i = 0; i < count; i++) {
    const [x = 0, y = 0, angle = 0, length = 0, width = 0, shape = 0, rgb = 0, pattern = 0] =
      marks.subarray(i * MARK, (i + 1) * MARK);
    const mark = group.children[i] as SVGElement;
    const turn = round(angle * DEGREES);
    const place = `translate(${round(x)} ${round(y)}) rotate(${turn})`;
    set(mark, 'transform', `${place} scale(${round(length)} ${round(width)})`);
    set(mark, 'fill', hex(rgb));
    const [body, lines] = mark.children as unknown as [SVGElement, SVGElement];
    set(body, 'd', UNIT_SHAPES[shape] ?? '');
    set(body, 'stroke', width < 2.5 ? 'none' : null);
    set(lines, 'd', BLOCK_PATTERNS[pattern] ?? '');
  }
}

function paintStrokes(group: SVGElement, strokes: Float32Array): void {
  const count = strokes.length / STROKE;
  fill(group, count, () => make('line'));
  for (let i = 0; i < count; i++) {
    const [ax = 0, ay = 0, bx = 0, by = 0, width = 1, rgb = 0, opacity = 1] = strokes.subarray(
      i * STROKE,
      (i + 1) * STROKE,
    );
    const line = group.children[i] as SVGElement;
    set(line, 'x1', round(ax));
    set(line, 'y1', round(ay));
    set(line, 'x2', round(bx));
    set(line, 'y2', round(by));
    set(line, 'stroke', hex(rgb));
    set(line, 'stroke-width', width);
    set(line, 'stroke-opacity', round(opacity));
  }
}

/** Gives the group `count` children: the first ones stay what they are. */
function fill(group: SVGElement, count: number, another: () => SVGElement): void {
  while (group.childElementCount > count) group.lastElementChild?.remove();
  while (group.childElementCount < count) group.append(another());
}

/** Sets an attribute only if that changes anything: an attribute that is set is an attribute to be looked at again. */
function set(element: SVGElement, name: string, value: string | number | null): void {
  if (value === null) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
    return;
  }
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

function make(name: string): SVGElement {
  return document.createElementNS(NAMESPACE, name) as SVGElement;
}

function hex(rgb: number): string {
  return `#${rgb.toString(16).padStart(6, '0')}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
