/**
 * Frames that have come and wait to be applied: all of them at once, just before the next picture. No I/O.
 *
 * A keyframe replaces what waits before it, so a machine that is too slow for every frame goes on with the newest chain and
 * never works through old ones.
 */
import type { FrameMessage } from '../protocol/messages';

/** A page that draws nothing (a hidden tab) applies frames when so many wait: they must not pile up. */
const MOST_WAITING = 32;

export interface WaitingFrame {
  message: FrameMessage;
  /** When it came, by the page's monotonic clock. */
  arrivedMs: number;
}

export class FrameInbox {
  private waiting: WaitingFrame[] = [];

  /** Answers whether it is full, and wants to be drained now. */
  push(message: FrameMessage, arrivedMs: number): boolean {
    if (message.key) this.waiting.length = 0;
    this.waiting.push({ message, arrivedMs });
    return this.waiting.length >= MOST_WAITING;
  }

  /** Everything that waits, in the order in which it came. */
  drain(): readonly WaitingFrame[] {
    const drained = this.waiting;
    if (drained.length > 0) this.waiting = [];
    return drained;
  }

  clear(): void {
    this.waiting.length = 0;
  }
}
