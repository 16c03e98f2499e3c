/**
 * When a frame is shown: one frame interval behind its arrival, so that there is always a next pose to move to.
 *
 * `alpha` runs from 0 (the pose shown when the newest frame came) to 1 (the newest frame) over the usual interval
 * and then stays there: the picture waits, it never guesses ahead of what the simulation said.
 */
const MIN_INTERVAL_MS = 16;
const MAX_INTERVAL_MS = 1200;
/** A pause is not an interval: a longer gap counts as this much. */
const MAX_SAMPLE_MS = 2000;
const STALE_AFTER_MS = 1000;
const BURST_MS = 4;

export class Playout {
  private intervalMs = 100;
  private arrivedMs: number | null = null;

  arrived(nowMs: number): void {
    if (this.arrivedMs !== null) {
      const sampleMs = Math.min(nowMs - this.arrivedMs, MAX_SAMPLE_MS);
      // Frames that were held up together say nothing about the run's rhythm.
      if (sampleMs > BURST_MS) this.intervalMs += (sampleMs - this.intervalMs) * 0.2;
    }
    this.arrivedMs = nowMs;
  }

  /** How far to go from the earlier pose to the newest one, 0 to 1. */
  alpha(nowMs: number): number {
    if (this.arrivedMs === null) return 1;
    const spanMs = Math.min(Math.max(this.intervalMs, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
    return Math.min(Math.max((nowMs - this.arrivedMs) / spanMs, 0), 1);
  }

  /** Time since the newest frame came, null before the first. */
  sinceArrivalMs(nowMs: number): number | null {
    return this.arrivedMs === null ? null : nowMs - this.arrivedMs;
  }

  /**
   * The silence after which a running simulation counts as stale: 1 s, and more for one that publishes less often than
   * that, or every pause between its frames would raise an alarm.
   */
  staleAfterMs(): number {
    return Math.max(STALE_AFTER_MS, 2.5 * this.intervalMs);
  }

  reset(): void {
    this.intervalMs = 100;
    this.arrivedMs = null;
  }
}
