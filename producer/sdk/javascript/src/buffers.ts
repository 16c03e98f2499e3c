/** What waits on the way to Redis. Pure and bounded. */

export interface Message {
  readonly kind: string;
  readonly data: Uint8Array;
  readonly t_ms: number;
}

const KEPT = { messages: 10_000, bytes: 8 * 1024 * 1024 };

/**
 * The numbered messages of one lossless lane. A message gets its number when it is first sent, so that those never sent
 * can be dropped from a full buffer without a gap. Acknowledged ones are kept a while: a server may come back with less.
 */
export class Replay {
  private kept: Message[] = []; // the last one has the number `acked`
  private flight: Message[] = []; // numbered, outcome not known
  private waiting: Message[] = []; // never sent
  private bytes = 0;
  private keptBytes = 0;
  acked = 0;

  constructor(
    private readonly maxMessages = 100_000,
    private readonly maxBytes = 64 * 1024 * 1024,
  ) {}

  get length(): number {
    return this.flight.length + this.waiting.length;
  }

  /** Takes a message; returns how many of the oldest never sent had to go for it. */
  put(message: Message): number {
    let dropped = 0;
    while (this.waiting.length > 0 && (this.length >= this.maxMessages || this.bytes + message.data.length > this.maxBytes)) {
      this.bytes -= this.waiting.shift()!.data.length;
      dropped++;
    }
    this.waiting.push(message);
    this.bytes += message.data.length;
    return dropped;
  }

  /** Takes messages that come before all those never sent. */
  putFirst(messages: readonly Message[]): void {
    this.waiting.unshift(...messages);
    for (const message of messages) this.bytes += message.data.length;
  }

  /** The messages to send now; the first one has the number `acked + 1`. */
  batch(maxMessages = 500, maxBytes = 1024 * 1024): Message[] {
    const more = Math.min(maxMessages - this.flight.length, this.waiting.length);
    if (more > 0) this.flight.push(...this.waiting.splice(0, more));
    let size = 0;
    let count = 0;
    for (const message of this.flight) {
      size += message.data.length;
      if (count === maxMessages || (count > 0 && size > maxBytes)) break;
      count++;
    }
    return this.flight.slice(0, count);
  }

  /** The last message acknowledged: sent again, it tells what a failover has lost. */
  last(): Message | undefined {
    return this.kept.at(-1);
  }

  /** The server has all up to `seq`; returns how many are news. */
  acknowledge(seq: number): number {
    const news = this.flight.splice(0, Math.max(0, seq - this.acked));
    for (const message of news) {
      this.bytes -= message.data.length;
      this.keptBytes += message.data.length;
    }
    this.acked += news.length;
    this.kept.push(...news);
    let old = Math.max(0, this.kept.length - KEPT.messages);
    for (let i = 0; i < this.kept.length - 1 && (i < old || this.keptBytes > KEPT.bytes); i++) {
      this.keptBytes -= this.kept[i]!.data.length;
      old = Math.max(old, i + 1);
    }
    if (old > 0) this.kept.splice(0, old);
    return news.length;
  }

  /** The server expects `seq`: takes back what is kept from there; returns how many are not kept any more. */
  rewind(seq: number): number {
    while (this.acked >= seq && this.kept.length > 0) this.takeBack();
    return Math.max(0, this.acked + 1 - seq);
  }

  /** A new epoch: all that is kept is sent again, from number 1. */
  renumber(): void {
    while (this.kept.length > 0) this.takeBack();
    this.waiting = [...this.flight, ...this.waiting];
    this.flight = [];
    this.acked = 0;
  }

  private takeBack(): void {
    const message = this.kept.pop()!;
    this.keptBytes -= message.data.length;
    this.bytes += message.data.length;
    this.flight.unshift(message);
    this.acked--;
  }
}

export interface Outgoing extends Message {
  readonly layers: readonly string[];
  readonly partial: boolean;
}

/** Frames, newest wins: a full frame replaces unsent ones that tell nothing of any other layer. */
export class Newest {
  private frames: Outgoing[] = [];

  get length(): number {
    return this.frames.length;
  }

  /** Takes a frame; returns how many older ones were dropped for it. */
  put(frame: Outgoing): number {
    const before = this.frames.length;
    if (!frame.partial) this.frames = this.frames.filter((older) => !older.layers.every((name) => frame.layers.includes(name)));
    if (this.frames.length >= 32) this.frames.shift();
    const dropped = before - this.frames.length;
    this.frames.push(frame);
    return dropped;
  }

  first(): Outgoing | undefined {
    return this.frames[0];
  }

  /** The frame is sent, if a newer one has not taken its place meanwhile. */
  sent(frame: Outgoing): void {
    if (this.frames[0] === frame) this.frames.shift();
  }
}
