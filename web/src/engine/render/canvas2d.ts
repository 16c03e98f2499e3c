/** The Canvas 2D tier. The map is drawn once onto a canvas of its own and copied, until the view of it changes. */
import { displayList, isLight, MARK, STROKE, type DisplayList } from './displayList';
import { gridPath } from './grid';
import { RendererError } from './glObjects';
import { areasPath, pathOf, strokeWidth } from './mapPaths';
import { css } from './palette';
import type { Renderer, View } from './renderer';
import { Retained } from './retained';
import { BLOCK_PATTERNS, UNIT_SHAPES } from './unitShapes';

interface MapPaths {
  areas: Path2D;
  lines: readonly { path: Path2D; width: number }[];
}

export class Canvas2dRenderer extends Retained implements Renderer {
  readonly name = 'Canvas 2D';
  readonly tier = 'canvas';
  private readonly shapes = new Map<number, Path2D>();
  private readonly patterns = BLOCK_PATTERNS.map((d) => new Path2D(d));
  private readonly backdrop: OffscreenCanvas;
  private readonly backdropContext: OffscreenCanvasRenderingContext2D;
  private backdropKey = '';
  private paths: MapPaths | null = null;
  private pathsVersion = -1;

  /** Throws {@link RendererError} when the browser cannot do it. */
  static create(canvas: OffscreenCanvas): Canvas2dRenderer {
    const context = canvas.getContext('2d', { alpha: false });
    if (context === null) throw new RendererError('this browser gives no 2D context');
    return new Canvas2dRenderer(canvas, context);
  }

  private constructor(
    private readonly canvas: OffscreenCanvas,
    private readonly context: OffscreenCanvasRenderingContext2D,
  ) {
    super();
    this.backdrop = new OffscreenCanvas(1, 1);
    const backdropContext = this.backdrop.getContext('2d', { alpha: false });
    if (backdropContext === null) throw new RendererError('this browser gives no 2D context');
    this.backdropContext = backdropContext;
    for (const [shape, d] of Object.entries(UNIT_SHAPES)) {
      this.shapes.set(Number(shape), new Path2D(d));
    }
  }

  draw(view: View): void {
    const { context } = this;
    fitTo(this.canvas, view);
    this.drawBackdrop(view);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.drawImage(this.backdrop, 0, 0);
    const list = displayList(view, this);
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    this.drawStrokes(list.under);
    this.drawMarks(list, view);
    context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
    this.drawStrokes(list.over);
    if (list.ring !== null) {
      context.globalAlpha = 1;
      context.strokeStyle = css(this.palette.accent);
      context.lineWidth = 2;
      context.beginPath();
      context.arc(...list.ring, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  restore(): void {
    this.backdropKey = '';
  }

  dispose(): void {
    this.layers.clear();
    this.lines.clear();
  }

  private drawMarks({ marks }: DisplayList, view: View): void {
    const { context } = this;
    const outline = css(this.palette.outline);
    let colour = -1;
    for (let at = 0; at < marks.length; at += MARK) {
      const [x = 0, y = 0, angle = 0, length = 0, width = 0, shape = 0, rgb = 0, pattern = 0] =
        marks.slice(at, at + MARK);
      const path = this.shapes.get(shape);
      if (path === undefined) continue;
      const cos = Math.cos(angle) * view.ratio;
      const sin = Math.sin(angle) * view.ratio;
      context.setTransform(
        cos * length,
        sin * length,
        -sin * width,
        cos * width,
        x * view.ratio,
        y * view.ratio,
      );
      if (rgb !== colour) {
        context.fillStyle = `#${rgb.toString(16).padStart(6, '0')}`;
        colour = rgb;
      }
      context.fill(path);
      if (width < 2.5 || isLight(shape)) continue;
      // Stroked in pixels: under the shape's own transform the line would be wide where the shape is long.
      const placed = new Path2D();
      const matrix = context.getTransform();
      placed.addPath(path, matrix);
      if (pattern > 0) placed.addPath(this.patterns[pattern] ?? path, matrix);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.lineWidth = view.ratio;
      context.strokeStyle = outline;
      context.stroke(placed);
    }
  }

  private drawStrokes(strokes: readonly number[]): void {
    const { context } = this;
    context.lineCap = 'round';
    for (let at = 0; at < strokes.length; at += STROKE) {
      const [ax = 0, ay = 0, bx = 0, by = 0, width = 1, rgb = 0, opacity = 1] = strokes.slice(
        at,
        at + STROKE,
      );
      context.globalAlpha = opacity;
      context.strokeStyle = `#${rgb.toString(16).padStart(6, '0')}`;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(ax, ay);
      context.lineTo(bx, by);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  private drawBackdrop(view: View): void {
    const { camera, width, height, ratio, speedMax } = view;
    const key = [
      camera.x,
      camera.y,
      camera.scale,
      width,
      height,
      ratio,
      speedMax,
      this.mapVersion,
      this.coloursVersion,
    ].join(' ');
    if (key === this.backdropKey) return;
    this.backdropKey = key;
    const { backdropContext: context, palette } = this;
    fitTo(this.backdrop, view);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(palette.background);
    context.fillRect(0, 0, this.backdrop.width, this.backdrop.height);
    if (!this.hasMap) {
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.strokeStyle = css(palette.grid);
      context.lineWidth = 1;
      context.stroke(new Path2D(gridPath(view)));
      return;
    }
    const scale = camera.scale * ratio;
    const left = (width * ratio) / 2 - camera.x * scale;
    const top = (height * ratio) / 2 + camera.y * scale;
    context.setTransform(scale, 0, 0, -scale, left, top);
    const { areas, lines } = this.mapPaths();
    context.fillStyle = css(palette.area);
    context.fill(areas);
    const colours = this.mapColours(speedMax);
    context.lineCap = 'butt';
    context.lineJoin = 'round';
    lines.forEach((line, i) => {
      context.strokeStyle = colours[i] ?? css(palette.road);
      context.lineWidth = strokeWidth(line.width, camera.scale);
      context.stroke(line.path);
    });
  }

  private mapPaths(): MapPaths {
    const { mesh } = this;
    if (this.paths !== null && this.pathsVersion === this.mapVersion) return this.paths;
    this.pathsVersion = this.mapVersion;
    this.paths = {
      areas: new Path2D(mesh === null ? '' : areasPath(mesh)),
      lines: (mesh?.linePaths ?? []).map(({ points, width }) => ({
        path: new Path2D(pathOf(points, false)),
        width,
      })),
    };
    return this.paths;
  }
}

/** Setting a size clears a canvas, so it is set just before drawing and only when it differs. */
export function fitTo(
  canvas: OffscreenCanvas,
  view: { width: number; height: number; ratio: number },
): void {
  const width = Math.max(1, Math.round(view.width * view.ratio));
  const height = Math.max(1, Math.round(view.height * view.ratio));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
}
