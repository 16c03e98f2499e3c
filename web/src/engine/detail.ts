/**
 * How much detail the machine can keep up with, from the measured time between pictures.
 *
 * Level 0 draws everything; 1 draws simpler shapes; 2 every second entity; 3 every fourth. It goes down quickly, up only
 * after a calm time, and that time doubles whenever going up turns out to have been a mistake.
 */
export const MOST_DETAIL_LEFT_OUT = 3;

/** Slower than this (40 a second) is too slow, faster than that is good. */
const SLOW_MS = 25;
const GOOD_MS = 19;
/** A judgement needs so many pictures, and so much time: slow machines are not to be waited for. */
const LEAST_PICTURES = 6;
const WINDOW_MS = 900;
const CALM_MS = 5000;
const LONGEST_CALM_MS = 80_000;
/** An interval beyond this is a hidden tab or a suspended machine, not a slow picture. */
const NOT_A_PICTURE_MS = 1000;

export class Detail {
  level = 0;
  /** What is known to be too much is not tried again. */
  least = 0;
  private readonly window: number[] = [];
  private windowMs = 0;
  private calmMs = CALM_MS;
  private goodSinceMs: number | null = null;
  private raisedAtMs = -Infinity;

  /** A picture came `intervalMs` after the one before, both while things moved. Answers whether the level has changed. */
  add(intervalMs: number, nowMs: number): boolean {
    if (intervalMs > NOT_A_PICTURE_MS) return false;
    this.window.push(intervalMs);
    this.windowMs += intervalMs;
    if (this.windowMs < WINDOW_MS || this.window.length < LEAST_PICTURES) return false;
    const median = this.window.toSorted((a, b) => a - b)[this.window.length >> 1] ?? 0;
    this.window.length = this.windowMs = 0;
    if (median > SLOW_MS) return this.lower(nowMs);
    if (median > GOOD_MS) {
      this.goodSinceMs = null;
      return false;
    }
    this.goodSinceMs ??= nowMs;
    if (this.level <= this.least || nowMs - this.goodSinceMs < this.calmMs) return false;
    this.level -= 1;
    this.raisedAtMs = nowMs;
    this.goodSinceMs = null;
    return true;
  }

  /** Every n-th entity is drawn. */
  get stride(): number {
    return this.level >= 3 ? 4 : this.level === 2 ? 2 : 1;
  }

  /** From now on at least so much is left out. Answers whether the level has changed. */
  setLeast(level: number): boolean {
    this.least = level;
    if (this.level >= level) return false;
    this.level = level;
    return true;
  }

  reset(): void {
    this.level = this.least = 0;
    this.window.length = this.windowMs = 0;
    this.calmMs = CALM_MS;
    this.goodSinceMs = null;
  }

  private lower(nowMs: number): boolean {
    this.goodSinceMs = null;
    if (this.level >= MOST_DETAIL_LEFT_OUT) return false;
    if (nowMs - this.raisedAtMs < 2 * this.calmMs) {
      this.calmMs = Math.min(2 * this.calmMs, LONGEST_CALM_MS);
    }
    this.level += 1;
    return true;
  }
}
