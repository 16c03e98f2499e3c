/**
 * The surface that is drawn on, and what happens when it has to be another one.
 *
 * A canvas keeps its first context for good, so every change of the drawing tier asks the page for a fresh surface; the old one
 * stays on the page until the new one has been drawn. A tier that cannot be had is replaced by the next simpler one; a
 * lost WebGL2 context at once by Canvas 2D, until the browser gives the context back.
 */
import type { FromEngine, RendererStatus } from './bridge';
import type { DrawingTier } from './drawingTier';
import { Canvas2dRenderer } from './render/canvas2d';
import type { Renderer } from './render/renderer';
import { SvgRenderer } from './render/svg';
import { WebGl2Renderer } from './render/webgl2';

/** What to try when a tier cannot be had. */
const SIMPLER: Readonly<Record<DrawingTier, DrawingTier | null>> = {
  webgl: 'canvas',
  canvas: 'svg',
  svg: null,
};
const TRY_AGAIN_MS = 15_000;

export interface SurfaceEvents {
  post(message: FromEngine): void;
  changed(renderer: Renderer | null, status: RendererStatus): void;
  log(level: 'info' | 'warning', text: string): void;
}

type MakeRenderer = (tier: DrawingTier, canvas: OffscreenCanvas | null) => Renderer;

export class Surfaces {
  private renderer: Renderer | null = null;
  private wanted: DrawingTier | null = null;
  private asked: DrawingTier | null = null;
  private serial = 0;
  private readonly broken = new Map<DrawingTier, string>();
  private toConfirm: number | null = null;
  private canvas: OffscreenCanvas | null = null;

  constructor(
    private readonly events: SurfaceEvents,
    private readonly make: MakeRenderer = (tier, canvas) =>
      makeRenderer(tier, canvas, (picture) => events.post({ type: 'svg', picture })),
  ) {}

  /** Draws with this tier from now on, or with the best that can be had instead. */
  use(tier: DrawingTier): void {
    this.wanted = tier;
    const possible = this.possible(tier);
    if (possible === null || possible === (this.asked ?? this.renderer?.tier)) return;
    this.asked = possible;
    this.events.post({ type: 'surface-wanted', tier: possible, serial: ++this.serial });
  }

  /** The page's answer. One that has been overtaken is left alone. */
  arrived(tier: DrawingTier, serial: number, canvas: OffscreenCanvas | null): void {
    if (serial !== this.serial) return;
    this.asked = null;
    let renderer: Renderer;
    try {
      renderer = this.make(tier, canvas);
    } catch (error) {
      this.failed(tier, error instanceof Error ? error.message : String(error));
      return;
    }
    if (canvas !== null && tier === 'webgl') this.watch(canvas);
    this.renderer?.dispose();
    this.renderer = renderer;
    this.canvas = canvas;
    this.toConfirm = serial;
    this.events.changed(renderer, this.status(renderer));
  }

  /** The page has lost what it gave: asks for it again. Without effect before the first surface. */
  renew(): void {
    if (this.wanted === null) return;
    this.renderer?.dispose();
    this.renderer = this.canvas = this.asked = null;
    this.use(this.wanted);
  }

  /** A picture has been drawn: the page can take the old surface away. */
  drawn(): void {
    if (this.toConfirm === null) return;
    this.events.post({ type: 'surface-drawn', serial: this.toConfirm });
    this.toConfirm = null;
  }

  private possible(tier: DrawingTier | null): DrawingTier | null {
    let possible = tier;
    while (possible !== null && this.broken.has(possible)) possible = SIMPLER[possible];
    return possible;
  }

  private failed(tier: DrawingTier, cause: string): void {
    this.broken.set(tier, cause);
    const instead = this.possible(tier);
    if (instead === null) {
      this.events.changed(null, { state: 'unsupported', cause });
      return;
    }
    this.events.log('warning', `${NAMES[tier]} cannot be used: ${cause}. ${NAMES[instead]} draws.`);
    this.use(this.wanted ?? tier);
  }

  private status(renderer: Renderer): RendererStatus {
    const { name, tier } = renderer;
    const cause =
      this.wanted === null || tier === this.wanted ? null : this.broken.get(this.wanted);
    return { state: 'ready', name, tier, note: cause ?? null };
  }

  private watch(canvas: OffscreenCanvas): void {
    const again = (): void => {
      if (!this.broken.delete('webgl')) return;
      this.events.log('info', 'The browser has given the graphics context back.');
      if (this.wanted !== null) this.use(this.wanted);
    };
    canvas.addEventListener('webglcontextlost', (event) => {
      // Without this the browser would never give the context back.
      event.preventDefault();
      if (this.canvas !== canvas) return;
      this.renderer = null;
      this.events.changed(null, { state: 'lost' });
      this.failed('webgl', 'the browser took the graphics context');
      setTimeout(again, TRY_AGAIN_MS);
    });
    canvas.addEventListener('webglcontextrestored', again);
  }
}

const NAMES: Readonly<Record<DrawingTier, string>> = {
  svg: 'SVG',
  canvas: 'Canvas 2D',
  webgl: 'WebGL2',
};

function makeRenderer(
  tier: DrawingTier,
  canvas: OffscreenCanvas | null,
  show: ConstructorParameters<typeof SvgRenderer>[0],
): Renderer {
  if (tier === 'svg') return new SvgRenderer(show);
  if (canvas === null) throw new Error('this browser has no OffscreenCanvas');
  return tier === 'canvas' ? Canvas2dRenderer.create(canvas) : WebGl2Renderer.create(canvas);
}
