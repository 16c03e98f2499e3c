/**
 * The shapes of entities as SVG paths in a box from -1 to 1, x ahead and y to the right; Canvas 2D reads the same strings.
 * WebGL2 cuts them out in its fragment shader (`shaders.ts`): what is changed here is changed there.
 */
import { SHAPE } from '../layerStyle';

export const UNIT_SHAPES: Readonly<Record<number, string>> = {
  [SHAPE.dot]: 'M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z',
  [SHAPE.vehicle]: 'M-1 -0.85L-0.9 -1L0.5 -1L1 -0.45L1 0.45L0.5 1L-0.9 1L-1 0.85Z',
  [SHAPE.go]: 'M1 0L-0.8 0.85L-0.8 -0.85Z',
  [SHAPE.caution]: 'M0.95 0L0 0.95L-0.95 0L0 -0.95Z',
  [SHAPE.stop]: 'M-0.38 -1L0.38 -1L0.38 1L-0.38 1Z',
  [SHAPE.off]: 'M0.5 0A0.5 0.5 0 1 1 -0.5 0A0.5 0.5 0 1 1 0.5 0Z',
  [SHAPE.cell]: 'M-1 -1H1V1H-1Z',
  [SHAPE.block]: 'M-1 -1H1V1H-1Z',
  [SHAPE.triangle]: 'M1 0L-0.8 1L-0.8 -1Z',
  [SHAPE.square]: 'M-0.85 -0.85H0.85V0.85H-0.85Z',
  [SHAPE.diamond]: 'M1 0L0 1L-1 0L0 -1Z',
};

/** Lines that tell blocks of different types apart without their colours; by the type's number, the first has none. */
export const BLOCK_PATTERNS: readonly string[] = [
  '',
  'M-1 -0.33H1M-1 0.33H1',
  'M-0.33 -1V1M0.33 -1V1',
  'M-1 -1L1 1M-1 1L1 -1',
];
