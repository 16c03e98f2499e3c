/** The whole scene in a corner: the map, a dot for every entity (or every n-th), and what the big picture shows. */
import type { Bounds, Camera, Point, Size } from './camera';
import { FLOATS, type DrawList } from './drawList';
import { css, type ScenePalette } from './render/palette';
import { fitTo } from './render/canvas2d';
import { pathOf } from './render/mapPaths';
import type { SceneMesh } from './sceneMesh';

const EVERY_MS = 250;
const MOST_DOTS = 1500;
const MARGIN_PX = 4;

export interface MinimapContent {
  bounds: Bounds | null;
  mesh: SceneMesh | null;
  lists: readonly DrawList[];
  camera: Camera;
  size: Size;
  palette: ScenePalette;
}

export class Minimap {
  private canvas: OffscreenCanvas | null = null;
  private context: OffscreenCanvasRenderingContext2D | null = null;
  private size: Size = { width: 1, height: 1 };
  private ratio = 1;
  private nextMs = 0;
  private roads: Path2D | null = null;
  private roadsOf: SceneMesh | null = null;
  /** How the last picture was scaled, so that a click finds its place. */
  private scale = 1;
  private middle: Point = { x: 0, y: 0 };

  mount(canvas: OffscreenCanvas | null, width: number, height: number, ratio: number): void {
    // A size alone keeps the canvas: it cannot be given away twice.
    if (canvas !== null) {
      this.canvas = canvas;
      this.context = canvas.getContext('2d', { alpha: false });
    } else if (width === 0) {
      this.canvas = this.context = null;
    }
    this.size = { width: Math.max(1, width), height: Math.max(1, height) };
    this.ratio = ratio;
    this.nextMs = 0;
  }

  /** The world point under a place of the minimap. */
  world(at: Point): Point {
    return {
      x: this.middle.x + (at.x - this.size.width / 2) / this.scale,
      y: this.middle.y - (at.y - this.size.height / 2) / this.scale,
    };
  }

  draw(nowMs: number, content: () => MinimapContent): void {
    if (this.canvas === null || this.context === null || nowMs < this.nextMs) return;
    this.nextMs = nowMs + EVERY_MS;
    this.paint(this.canvas, this.context, content());
  }

  private paint(
    canvas: OffscreenCanvas,
    context: OffscreenCanvasRenderingContext2D,
    { bounds, mesh, lists, camera, size, palette }: MinimapContent,
  ): void {
    const { width, height } = this.size;
    fitTo(canvas, { width, height, ratio: this.ratio });
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = css(palette.background);
    context.fillRect(0, 0, width, height);
    if (bounds === null) return;
    const [x0, y0, x1, y1] = bounds;
    this.middle = { x: (x0 + x1) / 2, y: (y0 + y1) / 2 };
    this.scale = Math.min(
      (width - 2 * MARGIN_PX) / Math.max(x1 - x0, 1e-6),
      (height - 2 * MARGIN_PX) / Math.max(y1 - y0, 1e-6),
    );
    const { scale, middle } = this;
    const left = width / 2 - middle.x * scale;
    const top = height / 2 + middle.y * scale;
    if (mesh !== null) {
      if (this.roadsOf !== mesh) {
        this.roadsOf = mesh;
        this.roads = new Path2D(mesh.linePaths.map((line) => pathOf(line.points, false)).join(''));
      }
      const ratio = this.ratio;
      context.setTransform(scale * ratio, 0, 0, -scale * ratio, left * ratio, top * ratio);
      context.strokeStyle = css(palette.off);
      context.lineWidth = 1 / scale;
      if (this.roads !== null) context.stroke(this.roads);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    context.fillStyle = css(palette.plain);
    for (const list of lists) {
      const stride = Math.ceil(list.count / MOST_DOTS);
      for (let row = 0; row < list.count; row += stride) {
        const x = (list.texels[row * FLOATS + 2] ?? 0) * scale + left;
        const y = top - (list.texels[row * FLOATS + 3] ?? 0) * scale;
        context.fillRect(x - 1, y - 1, 2, 2);
      }
    }
    const viewWidth = (size.width / camera.scale) * scale;
    const viewHeight = (size.height / camera.scale) * scale;
    context.strokeStyle = css(palette.accent);
    context.lineWidth = 1.5;
    context.strokeRect(
      camera.x * scale + left - viewWidth / 2,
      top - camera.y * scale - viewHeight / 2,
      viewWidth,
      viewHeight,
    );
  }
}
