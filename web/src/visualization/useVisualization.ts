/**
 * One API over the three ways to draw (SVG, Canvas 2D, WebGL2): a component gives an element, and gets a scene in it.
 *
 * The hook owns the life cycle (surfaces come and go with the element and with the drawing tier), the scaling (CSS size and
 * device pixels, also when the window moves to another screen), and hands the throttle and the change threshold to the
 * engine, which draws only when something has changed. Entities never come near React.
 */
import { useEffect, type RefObject } from 'react';
import type { DrawingOptions, FromEngine, ToEngine } from '../engine/bridge';
import { offscreen, SurfaceHost } from './surfaceHost';

/** The engine as the hook needs it. */
export interface VisualizationPort {
  postMessage(message: ToEngine, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
}

export interface VisualizationSize {
  width: number;
  height: number;
  ratio: number;
}

/** More device pixels than this cost time and are not seen. */
const MAX_RATIO = 2;

/**
 * Draws the engine's scene into `host`. `started` is called once with the first size, after which the engine may ask for
 * surfaces; `options` may change at any time.
 */
export function useVisualization(
  host: RefObject<HTMLElement | null>,
  port: VisualizationPort,
  started: (size: VisualizationSize) => void,
  options: Partial<DrawingOptions> = {},
): void {
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const send = (message: ToEngine, transfer: Transferable[] = []): void =>
      port.postMessage(message, transfer);
    const surfaces = new SurfaceHost(element, send);
    const listener = (event: MessageEvent<FromEngine>): void => surfaces.take(event.data);
    port.addEventListener('message', listener);
    started(sizeOf(element));
    send({ type: 'remount' });
    send({ type: 'resize', ...sizeOf(element) });
    const stop = watchSize(element, (size) => send({ type: 'resize', ...size }));
    return () => {
      stop();
      port.removeEventListener('message', listener);
      surfaces.dispose();
    };
  }, [host, port, started]);

  const { tier, maxFps, thresholdPx } = options;
  useEffect(() => {
    port.postMessage({
      type: 'drawing',
      ...(tier === undefined ? {} : { tier }),
      ...(maxFps === undefined ? {} : { maxFps }),
      ...(thresholdPx === undefined ? {} : { thresholdPx }),
    });
  }, [port, tier, maxFps, thresholdPx]);
}

/** Draws the minimap into `host`, and brings what is clicked there to the middle of the scene. */
export function useMinimap(host: RefObject<HTMLElement | null>, port: VisualizationPort): void {
  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const made = document.createElement('canvas');
    element.prepend(made);
    const canvas = offscreen(made);
    const size = sizeOf(element);
    port.postMessage({ type: 'minimap', canvas, ...size }, canvas === null ? [] : [canvas]);
    const stop = watchSize(element, (next) =>
      port.postMessage({ type: 'minimap', canvas: null, ...next }),
    );
    const go = (event: PointerEvent): void => {
      if (event.buttons === 0) return;
      const box = element.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      port.postMessage({ type: 'minimap-go', x, y });
    };
    element.addEventListener('pointerdown', go);
    element.addEventListener('pointermove', go);
    return () => {
      stop();
      element.removeEventListener('pointerdown', go);
      element.removeEventListener('pointermove', go);
      made.remove();
      port.postMessage({ type: 'minimap', canvas: null, width: 0, height: 0, ratio: 1 });
    };
  }, [host, port]);
}

function sizeOf(element: HTMLElement): VisualizationSize {
  const ratio = Math.min(devicePixelRatio || 1, MAX_RATIO);
  return { width: element.clientWidth, height: element.clientHeight, ratio };
}

/** Tells every change of the size or of the device's pixels, at most once per refresh; answers how to stop. */
function watchSize(element: HTMLElement, tell: (size: VisualizationSize) => void): () => void {
  let told = JSON.stringify(sizeOf(element));
  const look = (): void => {
    const size = sizeOf(element);
    const text = JSON.stringify(size);
    if (text === told) return;
    told = text;
    tell(size);
  };
  const observer = new ResizeObserver(look);
  observer.observe(element);
  // Another zoom or another screen changes the ratio without changing the size.
  addEventListener('resize', look);
  return () => {
    observer.disconnect();
    removeEventListener('resize', look);
  };
}
