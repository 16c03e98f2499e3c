/**
 * Which of the drawing tiers a scene of some size gets.
 *
 * SVG costs the page's main thread, so it is for little; Canvas 2D and WebGL2 draw in the worker. What counts are things
 * to draw: entities, signal heads and lines of the map. The steps down are lower than the steps up, and a change must be
 * wanted for a while: every change costs a new surface.
 */
export type DrawingTier = 'svg' | 'canvas' | 'webgl';
export type DrawingChoice = 'auto' | DrawingTier;

/** From so many things on; down again below 80 % of it. */
const CANVAS_FROM = 500;
const WEBGL_FROM = 1000;
const BACK_SHARE = 0.8;
const DWELL_MS = 1500;
/** So far beyond the step there is no time to wait. */
const HURRY = 2;

/** The tier for `count` things; `now` is the one in use, null before the first. */
export function tierFor(count: number, now: DrawingTier | null): DrawingTier {
  const canvasFrom = now === 'canvas' || now === 'webgl' ? CANVAS_FROM * BACK_SHARE : CANVAS_FROM;
  const webglFrom = now === 'webgl' ? WEBGL_FROM * BACK_SHARE : WEBGL_FROM;
  // "Below 500" is SVG, "to 1,000" is Canvas 2D.
  if (count > webglFrom) return 'webgl';
  return count >= canvasFrom ? 'canvas' : 'svg';
}

export class TierChooser {
  choice: DrawingChoice = 'auto';
  private tier: DrawingTier | null = null;
  private other: DrawingTier | null = null;
  private otherSinceMs = 0;

  /** The tier to draw with now. */
  choose(count: number, nowMs: number): DrawingTier {
    if (this.choice !== 'auto') return this.take(this.choice);
    const wanted = tierFor(count, this.tier);
    if (this.tier === null || wanted === this.tier) return this.take(wanted);
    if (count > WEBGL_FROM * HURRY) return this.take(wanted);
    if (wanted !== this.other) {
      this.other = wanted;
      this.otherSinceMs = nowMs;
    }
    return nowMs - this.otherSinceMs >= DWELL_MS ? this.take(wanted) : this.tier;
  }

  /** Begins anew: another run's size says nothing about this one's. */
  reset(): void {
    this.tier = null;
    this.other = null;
  }

  private take(tier: DrawingTier): DrawingTier {
    this.tier = tier;
    this.other = null;
    return tier;
  }
}
