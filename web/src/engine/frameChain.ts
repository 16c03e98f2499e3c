/**
 * The chain of frames of one run: which frame may be applied to what, and the state that results.
 *
 * A delta is applied only on top of the very frame that it was made for; any other breaks the chain until the next
 * keyframe. What is *shown* is guarded apart from what is *applied*: within one stream epoch and life the time given out never
 * steps back, even if a keyframe from a gateway that lags is older than what the viewer has seen.
 */
import type { Epoch, FrameMessage, WireDeltaLayer, WireKeyLayer } from '../protocol/messages';
import { applyDelta, layerFromKey, type Layer } from './layerStore';
import { WireError } from './typedArrays';

export type FrameOutcome =
  /** Applied, and newer than anything shown so far. */
  | 'applied'
  /** Applied, but older than what has been shown: keep showing that. */
  | 'held'
  /** Not applied: made for another frame, or malformed. A keyframe is needed. */
  | 'broken';

export class FrameChain {
  readonly layers = new Map<string, Layer>();
  /** Layers of the run that the tier does not show, in the order in which it leaves them out. */
  leftOut: readonly string[] = [];
  readonly metrics = new Map<string, number>();
  /** Raised whenever metrics have come. */
  metricsVersion = 0;
  phases: Readonly<Record<string, number>> = {};
  step = 0;
  timeS = 0;
  /** The stream epoch of what is shown, null before the first frame. */
  epoch: Epoch | null = null;
  tier: string | null = null;
  /** Which life of the run's producer is shown. */
  life = 0;
  /** What was wrong with a frame that could not be read, for the log; null for one that merely did not fit. */
  malformed: string | null = null;

  private lastOffset: string | null = null;
  private shownTimeS = -Infinity;
  private shownStep = -Infinity;

  apply(frame: FrameMessage): FrameOutcome {
    this.malformed = null;
    if (!frame.key && !this.follows(frame)) return 'broken';
    try {
      if (frame.key) this.replaceBy(frame);
      else this.update(frame);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.malformed = error.message;
      this.lastOffset = null;
      return 'broken';
    }
    return this.accept(frame);
  }

  /** Forgets which frame came last: the next delta is refused, the next keyframe is welcome. */
  breakChain(): void {
    this.lastOffset = null;
  }

  private follows(frame: FrameMessage): boolean {
    return (
      this.lastOffset !== null &&
      frame.prev === this.lastOffset &&
      frame.tier === this.tier &&
      frame.epoch === this.epoch
    );
  }

  private replaceBy(frame: FrameMessage): void {
    // Build everything first, so that a malformed keyframe leaves the shown state whole.
    const fresh = Object.entries(frame.layers).map(
      ([name, wire]) => [name, layerFromKey(wire as WireKeyLayer)] as const,
    );
    this.layers.clear();
    for (const [name, layer] of fresh) this.layers.set(name, layer);
    this.leftOut = frame.left_out ?? [];
    this.metrics.clear();
  }

  private update(frame: FrameMessage): void {
    for (const [name, wire] of Object.entries(frame.layers)) {
      const layer = this.layers.get(name);
      if (layer === undefined) throw new WireError(`expected a known layer, got ${name}`);
      applyDelta(layer, wire as WireDeltaLayer);
    }
  }

  private accept(frame: FrameMessage): FrameOutcome {
    const life = frame.life ?? 1;
    if (frame.epoch !== this.epoch || life > this.life) {
      // Another stream, or the producer has begun again: its time may be smaller.
      this.life = life;
      this.shownTimeS = -Infinity;
      this.shownStep = -Infinity;
    }
    this.epoch = frame.epoch;
    this.tier = frame.tier;
    this.lastOffset = frame.offset;
    const metrics = Object.entries(frame.metrics ?? {});
    for (const [name, value] of metrics) this.metrics.set(name, value);
    if (metrics.length > 0) this.metricsVersion += 1;
    if (frame.phases) this.phases = frame.phases;
    const older = frame.time_s < this.shownTimeS || frame.step < this.shownStep;
    if (life < this.life || older) return 'held';
    this.timeS = this.shownTimeS = frame.time_s;
    this.step = this.shownStep = frame.step;
    return 'applied';
  }
}
