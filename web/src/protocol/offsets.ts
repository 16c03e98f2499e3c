/**
 * Offsets name messages within a run's stream epoch: two numbers joined by a dash (`3-120`), compared
 * as numbers, never as text (`3-9` comes before `3-120`).
 */
export type Offset = string;

/** Negative when `a` comes before `b`, zero when they are the same, positive when it comes after. */
export function compareOffsets(a: Offset, b: Offset): number {
  const [aMajor, aMinor] = split(a);
  const [bMajor, bMinor] = split(b);
  return aMajor - bMajor || aMinor - bMinor;
}

function split(offset: Offset): [number, number] {
  const dash = offset.indexOf('-');
  if (dash < 0) return [Number(offset), 0];
  return [Number(offset.slice(0, dash)), Number(offset.slice(dash + 1))];
}
