/** The page's address: `#/run/RUN` chooses a run. */
import type { DrawingChoice } from '../engine/drawingTier';

export function runFromHash(hash: string): string | null {
  const found = /^#\/run\/([^/?]+)/.exec(hash);
  if (found?.[1] === undefined) return null;
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return null;
  }
}

export function hashForRun(run: string): string {
  return `#/run/${encodeURIComponent(run)}`;
}

const DRAWINGS: readonly DrawingChoice[] = ['auto', 'svg', 'canvas', 'webgl'];

/** How the address wants the scene drawn; `auto` unless it says so. */
export function drawingFromQuery(query: string): DrawingChoice {
  const wanted = new URLSearchParams(query).get('drawing');
  return DRAWINGS.find((choice) => choice === wanted) ?? 'auto';
}
