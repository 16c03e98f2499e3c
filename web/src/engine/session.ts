/**
 * One viewer's conversation with a gateway, without any I/O.
 *
 * The shell around it (see `socket.ts`) feeds in what happened (`opened`, `received`, `closed`, `tick`) and carries out
 * the actions that `drain` hands back, in order. Times are milliseconds of one monotonic clock.
 *
 * Guarantees: a lossless message reaches `emit` at most once and in the order of its offsets; a resume names the last one
 * that was emitted; a code that says "never" or "token" is not followed by another attempt.
 */
import { closeMeaning, retryMsFromReason, type CloseMeaning } from '../protocol/closeCodes';
import type {
  FrameMessage,
  GatewayMessage,
  LosslessMessage,
  SubscribedMessage,
  ViewerMessage,
} from '../protocol/messages';
import { backoffMs } from './backoff';
import { EVERYTHING, sameWish, Subscription, type Wish } from './subscription';

export type LinkState = 'idle' | 'connecting' | 'open' | 'reconnecting' | 'closed';

/**
 * What a `subscribed` means to the viewer. `first`: the beginning. `recovered`: back, and nothing was missed. `gap`:
 * something may have been missed. `again`: nothing has happened but that it was asked (another tier, for instance).
 */
export type Arrival = 'first' | 'recovered' | 'gap' | 'again';

export type SessionEvent =
  | { kind: 'link' }
  | { kind: 'subscribed'; message: SubscribedMessage; arrival: Arrival }
  | { kind: 'frame'; message: FrameMessage }
  | { kind: 'lossless'; message: LosslessMessage }
  | { kind: 'other'; message: GatewayMessage };

export type Action =
  | { do: 'connect' }
  | { do: 'send'; message: ViewerMessage }
  /** Close the socket and forget it: no `closed` follows. */
  | { do: 'abandon' }
  | { do: 'emit'; event: SessionEvent };

const CONNECT_TIMEOUT_MS = 10_000;
const PING_EVERY_MS = 2000;
const SILENCE_LIMIT_MS = 7000;
/** An answer may take its time while the gateway waits for Redis. */
const SUBSCRIBE_AGAIN_MS = 10_000;
const KEYFRAME_ASK_EVERY_MS = 1000;
/** A connection that lived this long was good: the next failure starts with a short pause again. */
const GOOD_AFTER_MS = 10_000;

export class Session {
  state: LinkState = 'idle';
  role: string | null = null;
  node: string | null = null;
  attempt = 0;
  /** When the next attempt starts, while `reconnecting`. */
  retryAtMs: number | null = null;
  /** Why the connection is not there; null while it is. */
  trouble: CloseMeaning | null = null;
  closeCode: number | null = null;

  private readonly actions: Action[] = [];
  private subscription: Subscription | null = null;
  private token: string | null = null;
  private welcomed = false;
  private connectingSinceMs = 0;
  private openSinceMs = 0;
  private lastHeardMs = 0;
  private nextPingMs = 0;
  private nextKeyframeAskMs = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** The actions to carry out now, in order. */
  drain(): Action[] {
    return this.actions.splice(0);
  }

  /** Starts; `token` is used only if the gateway asks for one. */
  start(token: string | null, nowMs: number): void {
    this.token = token;
    if (this.state === 'idle' || this.state === 'closed') this.connect(nowMs);
  }

  /** Watches this run from now on, and no other. */
  watch(
    run: string | null,
    tier: string,
    nowMs: number,
    { images, layers }: Omit<Wish, 'tier'> = EVERYTHING,
  ): void {
    const before = this.subscription;
    const wish = { tier, images, layers };
    if (before !== null && before.run === run) {
      if (sameWish(before.wish, wish)) return;
      before.wish = wish;
    } else {
      if (before !== null && this.ready) this.send({ type: 'unsubscribe', run: before.run });
      this.subscription = run === null ? null : new Subscription(run, wish);
    }
    this.subscribe(nowMs);
  }

  /** This run exists now: if the gateway turned the subscription away before, it is asked for again. */
  appeared(run: string, nowMs: number): void {
    if (this.subscription?.run === run && this.subscription.turnedAway) this.subscribe(nowMs);
  }

  /** The person does not want to wait for the countdown. */
  retryNow(nowMs: number): void {
    if (this.state === 'reconnecting' || this.state === 'closed') this.connect(nowMs);
  }

  /** Sends if the gateway can hear it now; otherwise answers false. */
  trySend(message: ViewerMessage): boolean {
    if (!this.ready) return false;
    this.send(message);
    return true;
  }

  /** The chain of frames is broken. Asks for a keyframe, but not over and over. */
  askKeyframe(nowMs: number): void {
    const run = this.subscription?.run;
    if (run === undefined || nowMs < this.nextKeyframeAskMs) return;
    if (this.trySend({ type: 'keyframe', run })) {
      this.nextKeyframeAskMs = nowMs + KEYFRAME_ASK_EVERY_MS;
    }
  }

  opened(nowMs: number): void {
    // The state becomes `open` with the gateway's welcome: an open socket alone says nothing yet.
    this.lastHeardMs = nowMs;
  }

  received(message: GatewayMessage, nowMs: number): void {
    this.lastHeardMs = nowMs;
    switch (message.type) {
      case 'welcome':
        this.welcome(message.auth === true, message.role ?? null, message.node ?? null, nowMs);
        return;
      case 'subscribed':
        this.subscribed(message);
        return;
      case 'frame':
        if (message.run === this.subscription?.run) {
          this.emit({ kind: 'frame', message });
        }
        return;
      case 'run':
      case 'status':
      case 'control_state':
      case 'result':
        this.lossless(message, nowMs);
        return;
      case 'error':
        if (message.run === this.subscription?.run) this.subscription?.refused();
        this.emit({ kind: 'other', message });
        return;
      default:
        this.emit({ kind: 'other', message });
    }
  }

  closed(code: number, reason: string, nowMs: number): void {
    if (this.state === 'reconnecting' || this.state === 'closed') return;
    this.lost(code, closeMeaning(code), retryMsFromReason(reason), nowMs);
  }

  /** Call a few times a second. */
  tick(nowMs: number): void {
    if (this.state === 'reconnecting') {
      if (this.retryAtMs !== null && nowMs >= this.retryAtMs) this.connect(nowMs);
    } else if (this.state === 'connecting') {
      if (nowMs - this.connectingSinceMs > CONNECT_TIMEOUT_MS) this.giveUp(nowMs);
    } else if (this.state === 'open') {
      if (nowMs - this.lastHeardMs > SILENCE_LIMIT_MS) {
        this.giveUp(nowMs);
        return;
      }
      if (nowMs - this.openSinceMs > GOOD_AFTER_MS) this.attempt = 0;
      if (nowMs >= this.nextPingMs) {
        this.nextPingMs = nowMs + PING_EVERY_MS;
        this.send({ type: 'ping', t: nowMs });
      }
      const waited = this.subscription?.waitedMs(nowMs) ?? 0;
      if (waited > SUBSCRIBE_AGAIN_MS) this.subscribe(nowMs);
    }
  }

  private get ready(): boolean {
    return this.state === 'open' && this.welcomed;
  }

  private connect(nowMs: number): void {
    this.state = 'connecting';
    this.connectingSinceMs = nowMs;
    this.retryAtMs = null;
    this.welcomed = false;
    this.actions.push({ do: 'connect' });
    this.emit({ kind: 'link' });
  }

  private welcome(auth: boolean, role: string | null, node: string | null, nowMs: number): void {
    if (role !== null) this.role = role;
    this.node = node;
    // A second welcome may bring the role after `auth`; the conversation is already going on.
    if (this.welcomed) {
      this.emit({ kind: 'link' });
      return;
    }
    if (auth && this.token === null) {
      this.actions.push({ do: 'abandon' });
      this.lost(4401, closeMeaning(4401), null, nowMs);
      return;
    }
    this.welcomed = true;
    this.state = 'open';
    this.trouble = null;
    this.closeCode = null;
    this.openSinceMs = nowMs;
    this.nextPingMs = nowMs;
    if (auth && this.token !== null) this.send({ type: 'auth', token: this.token });
    this.emit({ kind: 'link' });
    this.subscribe(nowMs);
  }

  private subscribe(nowMs: number): void {
    if (this.subscription === null || !this.ready) return;
    this.send(this.subscription.request(nowMs));
  }

  private subscribed(message: SubscribedMessage): void {
    const subscription = this.subscription;
    if (subscription === null || message.run !== subscription.run) return;
    const arrival = subscription.confirmed(message);
    this.emit({ kind: 'subscribed', message, arrival });
  }

  private lossless(message: LosslessMessage, nowMs: number): void {
    const subscription = this.subscription;
    if (subscription === null || message.run !== subscription.run) return;
    const verdict = subscription.place(message);
    if (verdict === 'next') this.emit({ kind: 'lossless', message });
    // The protocol rules a hole out; should there be one all the same, a resume fills it.
    if (verdict === 'hole') this.subscribe(nowMs);
  }

  private giveUp(nowMs: number): void {
    this.actions.push({ do: 'abandon' });
    this.lost(1006, closeMeaning(1006), null, nowMs);
  }

  private lost(code: number, trouble: CloseMeaning, retryMs: number | null, nowMs: number): void {
    this.welcomed = false;
    this.closeCode = code;
    this.trouble = trouble;
    this.subscription?.disconnected();
    if (trouble.reconnect === 'never' || trouble.reconnect === 'token') {
      this.state = 'closed';
      this.retryAtMs = null;
    } else {
      this.state = 'reconnecting';
      this.attempt += 1;
      const later = trouble.reconnect === 'later';
      this.retryAtMs = nowMs + (retryMs ?? backoffMs(this.attempt, this.random(), later));
    }
    this.emit({ kind: 'link' });
  }

  private send(message: ViewerMessage): void {
    this.actions.push({ do: 'send', message });
  }

  private emit(event: SessionEvent): void {
    this.actions.push({ do: 'emit', event });
  }
}
