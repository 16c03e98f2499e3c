/** Makes the renderer for a canvas and watches over its context. */
import type { RendererStatus } from '../bridge';
import type { Renderer } from './renderer';
import { WebGl2Renderer } from './webgl2';

/**
 * Calls `changed` at once, and again whenever the context is lost or restored. Without a renderer the engine goes on: figures,
 * log and controls do not need one.
 */
export function createRenderer(
  canvas: OffscreenCanvas | null,
  changed: (renderer: Renderer | null, status: RendererStatus) => void,
): void {
  if (canvas === null) {
    changed(null, { state: 'unsupported', cause: 'this browser has no OffscreenCanvas' });
    return;
  }
  let renderer: WebGl2Renderer;
  try {
    renderer = WebGl2Renderer.create(canvas);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    changed(null, { state: 'unsupported', cause });
    return;
  }
  canvas.addEventListener('webglcontextlost', (event) => {
    // Without this the browser would never give the context back.
    event.preventDefault();
    changed(null, { state: 'lost' });
  });
  canvas.addEventListener('webglcontextrestored', () => {
    renderer.restore();
    changed(renderer, { state: 'ready', name: renderer.name });
  });
  changed(renderer, { state: 'ready', name: renderer.name });
}
