/** The page's address: `#/run/RUN` chooses a run, `#/run/A+B` several side by side. */
import type { DrawingChoice } from '../engine/drawingTier';

/** More than this are too small to be watched. */
export const MOST_RUNS = 4;

/** The runs that an address names, each once, in order. What cannot be read is left out. */
export function runsFromHash(hash: string): string[] {
  const found = /^#\/run\/([^/?]+)/.exec(hash)?.[1] ?? '';
  const runs = found.split('+').flatMap((part) => {
    try {
      return part === '' ? [] : [decodeURIComponent(part)];
    } catch {
      return [];
    }
  });
  return [...new Set(runs)].slice(0, MOST_RUNS);
}

export function hashForRuns(runs: readonly string[]): string {
  return `#/run/${runs.map(encodeURIComponent).join('+')}`;
}

const DRAWINGS: readonly DrawingChoice[] = ['auto', 'svg', 'canvas', 'webgl'];

/** How the address wants the scene drawn; `auto` unless it says so. */
export function drawingFromQuery(query: string): DrawingChoice {
  const wanted = new URLSearchParams(query).get('drawing');
  return DRAWINGS.find((choice) => choice === wanted) ?? 'auto';
}
