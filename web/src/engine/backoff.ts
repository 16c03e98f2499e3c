/** How long to wait before connection attempt number `attempt` (1 is the first retry), in milliseconds. */
const BASE_MS = 300;
const GROWTH = 1.5;
const CEILING_MS = 15_000;
/** Codes that say "later" ask for more patience than a lost connection. */
const LATER_MS = 10_000;

/**
 * Exponential with jitter: half of the delay is fixed and half random, so that a thousand viewers of a gateway that went
 * away come back spread out, and none of them comes back at once. `random` is in 0..1.
 */
export function backoffMs(attempt: number, random: number, later = false): number {
  const exponential = Math.min(CEILING_MS, BASE_MS * GROWTH ** Math.max(0, attempt - 1));
  const delay = later ? Math.max(LATER_MS, exponential) : exponential;
  return Math.round(delay / 2 + (delay / 2) * random);
}
