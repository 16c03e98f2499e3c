/**
 * The surfaces that the engine draws on, in the page: makes the one that is wanted, and takes the old one away once the new
 * one shows something. A canvas that was given away cannot be used again, so each change makes a new element.
 */
import type { FromEngine, ToEngine } from '../engine/bridge';
import type { DrawingTier } from '../engine/drawingTier';
import { LabelLayer } from './labelLayer';
import { SvgPainter } from './svgPainter';

export type Send = (message: ToEngine, transfer?: Transferable[]) => void;

interface Surface {
  element: HTMLElement | SVGElement;
  serial: number;
  painter: SvgPainter | null;
}

export class SurfaceHost {
  private surfaces: Surface[] = [];
  private readonly labels: LabelLayer;

  constructor(
    private readonly host: HTMLElement,
    private readonly send: Send,
  ) {
    this.labels = new LabelLayer(host);
  }

  take(message: FromEngine): void {
    switch (message.type) {
      case 'surface-wanted':
        this.make(message.tier, message.serial);
        return;
      case 'surface-drawn':
        this.keep(message.serial);
        return;
      case 'svg':
        // Only the newest surface is drawn on.
        this.surfaces.at(-1)?.painter?.paint(message.picture);
        return;
      case 'labels':
        this.labels.show(message.labels);
        return;
      default:
    }
  }

  dispose(): void {
    for (const { element } of this.surfaces) element.remove();
    this.surfaces = [];
    this.labels.dispose();
  }

  private make(tier: DrawingTier, serial: number): void {
    const painter = tier === 'svg' ? new SvgPainter() : null;
    const element = painter?.element ?? document.createElement('canvas');
    element.classList.add('surface');
    element.setAttribute('aria-hidden', 'true');
    // Below the old one, which is taken away as soon as this one shows something.
    this.host.prepend(element);
    this.surfaces.push({ element, serial, painter });
    const canvas = element instanceof HTMLCanvasElement ? offscreen(element) : null;
    const transfer = canvas === null ? [] : [canvas];
    this.send({ type: 'surface', tier, serial, canvas }, transfer);
  }

  private keep(serial: number): void {
    for (const surface of this.surfaces) {
      if (surface.serial < serial) surface.element.remove();
    }
    this.surfaces = this.surfaces.filter((surface) => surface.serial >= serial);
  }
}

export function offscreen(canvas: HTMLCanvasElement): OffscreenCanvas | null {
  if (typeof canvas.transferControlToOffscreen !== 'function') return null;
  return canvas.transferControlToOffscreen();
}
