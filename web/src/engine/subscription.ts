/**
 * Where this viewer is in one run's lossless stream: what to ask for when subscribing, and whether a message is the next
 * one. No I/O.
 */
import type {
  Epoch,
  LosslessMessage,
  SubscribedMessage,
  ViewerMessage,
} from '../protocol/messages';
import { compareOffsets, type Offset } from '../protocol/offsets';
import type { Arrival } from './session';

/** What a viewer asks for beside the run. */
export interface Wish {
  tier: string;
  /** Whether camera pictures are to come. */
  images: boolean;
  /** The layers that are to come, null: all. */
  layers: readonly string[] | null;
}

export const EVERYTHING: Omit<Wish, 'tier'> = { images: true, layers: null };

export function sameWish(a: Wish, b: Wish): boolean {
  const layers = a.layers?.join('\n') === b.layers?.join('\n');
  return a.tier === b.tier && a.images === b.images && layers;
}

/** `next`: take it. `seen`: a repetition. `hole`: something before it is missing. */
export type Verdict = 'next' | 'seen' | 'hole';

export class Subscription {
  private epoch: Epoch | null = null;
  private offset: Offset | null = null;
  private confirmedOnce = false;
  /** Whether the connection was lost since the last answer. */
  private away = false;
  /** Since when an answer to `subscribe` has been awaited. */
  private askedAtMs: number | null = null;
  /**
   * The gateway does not know the run. Asking over and over would count as misbehaviour, so it is asked for again only once
   * the run is known to exist.
   */
  turnedAway = false;
  /** A hole is asked about once: if the resume did not fill it, going on beats asking for ever. */
  private hole: 'none' | 'asked' | 'answered' = 'none';

  constructor(
    readonly run: string,
    public wish: Wish,
  ) {}

  request(nowMs: number): ViewerMessage {
    this.askedAtMs = nowMs;
    this.turnedAway = false;
    const { tier, images, layers } = this.wish;
    // A `subscribe` sets everything anew: what is left out of it is as the gateway has it by default.
    const base = {
      type: 'subscribe',
      run: this.run,
      tier,
      ...(images ? {} : { images }),
      ...(layers === null ? {} : { layers }),
    } as const;
    if (this.epoch === null || this.offset === null) return base;
    return { ...base, epoch: this.epoch, offset: this.offset };
  }

  confirmed(message: SubscribedMessage): Arrival {
    this.askedAtMs = null;
    if (this.hole === 'asked') this.hole = 'answered';
    const { confirmedOnce, away } = this;
    this.confirmedOnce = true;
    this.away = false;
    const continues = message.recovered && this.epoch === message.epoch && this.offset !== null;
    if (!continues) {
      this.epoch = message.epoch;
      this.offset = message.offset;
    }
    if (!confirmedOnce) return 'first';
    // Unasked and not recovered: the stream itself has broken off, and begins anew.
    if (!continues) return 'gap';
    return away ? 'recovered' : 'again';
  }

  /** The gateway refused something about this run while the answer to `subscribe` was awaited. */
  refused(): void {
    if (this.askedAtMs === null) return;
    this.askedAtMs = null;
    this.turnedAway = true;
  }

  disconnected(): void {
    this.askedAtMs = null;
    this.hole = 'none';
    this.away = true;
  }

  /** How long the answer to `subscribe` has been awaited; 0 if none is. */
  waitedMs(nowMs: number): number {
    return this.askedAtMs === null ? 0 : nowMs - this.askedAtMs;
  }

  place(message: LosslessMessage): Verdict {
    // Answered by the gateway itself: it is not part of the stream.
    if (message.offset === null) return 'next';
    if (message.type === 'run') this.follow(message.info.epoch ?? null);
    if (this.offset !== null) {
      if (compareOffsets(message.offset, this.offset) <= 0) return 'seen';
      const follows = message.prev === null || compareOffsets(message.prev, this.offset) <= 0;
      if (!follows && this.hole === 'none') {
        this.hole = 'asked';
        return 'hole';
      }
      // What is still on its way comes again, in order, with the answer.
      if (this.hole === 'asked') return 'seen';
    }
    this.hole = 'none';
    this.offset = message.offset;
    return 'next';
  }

  /** A new epoch while connected: its offsets have nothing to do with the old ones. */
  private follow(epoch: Epoch | null): void {
    if (epoch === null || epoch === this.epoch) return;
    this.epoch = epoch;
    this.offset = null;
  }
}
