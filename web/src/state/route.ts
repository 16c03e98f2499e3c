/** The page's address: `#/run/RUN` chooses a run. */

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
