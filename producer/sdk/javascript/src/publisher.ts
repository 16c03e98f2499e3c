/**
 * Carries messages from the buffers to Redis, through everything that may happen to the server. Nothing that is put here
 * waits or throws. `critical` and `normal` arrive once and in order; of frames and images the newest.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Redis } from "ioredis";
import { type Message, Newest, type Outgoing, Replay } from "./buffers.js";
import { Backoff, connect, keys } from "./link.js";

const SCRIPT = readFileSync(new URL("../../append.lua", import.meta.url), "utf-8");
const SHA = createHash("sha1").update(SCRIPT).digest("hex");
const BOUNDS = { critical: 100_000, normal: 50_000 };
const TICK_MS = 1000;
const FULL_MS = 50;
const NO_MEMORY_MS = 250;

export type Lossless = keyof typeof BOUNDS;

/** What became of all that was published: lane -> messages, `lane:cause` -> messages given up. */
export interface Stats {
  readonly published: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly buffered: number;
  readonly reconnects: number;
  readonly connected: boolean;
  readonly epoch: number;
  /** A newer producer of the same name has taken over: this one sends nothing any more. */
  readonly fenced: boolean;
}

class Fenced extends Error {}

export class Publisher {
  private readonly lanes = { critical: new Replay(), normal: new Replay() };
  private readonly notBefore = { critical: 0, normal: 0 };
  private readonly frames = new Newest();
  private readonly images = new Map<string, Message>();
  private readonly published: Record<string, number> = {};
  private readonly dropped: Record<string, number> = {};
  private readonly backoff = new Backoff();
  private client: Redis | undefined;
  private epoch = 0;
  private frameSeq = 0;
  private connected = false;
  private away = false;
  private reconnects = 0;
  private fenced = false;
  private nextTick = 0;
  private nextFrame = 0;
  private flow = { rateHz: Infinity, shedLow: false };
  private deadline: number | undefined;
  private wake: () => void = () => undefined;
  private done: Promise<void> = Promise.resolve();

  constructor(
    private readonly run: string,
    private readonly producer: string,
    private readonly url: string,
    private readonly announce: () => Message[],
    private readonly onFenced: () => void,
  ) {}

  start(): void {
    this.done = this.work();
  }

  put(lane: Lossless, kind: string, data: Uint8Array): void {
    if (this.fenced) return this.drop(lane, "fenced");
    this.drop(lane, "buffer_full", this.lanes[lane].put({ kind, data, t_ms: Date.now() }));
    this.wake();
  }

  putFrame(data: Uint8Array, layers: readonly string[], partial: boolean): void {
    if (this.fenced) return this.drop("high", "fenced");
    this.drop("high", "superseded", this.frames.put({ kind: "frame", data, t_ms: Date.now(), layers, partial }));
    this.wake();
  }

  putImage(camera: string, data: Uint8Array): void {
    if (this.fenced || this.flow.shedLow) return this.drop("low", this.fenced ? "fenced" : "flow");
    if (this.images.has(camera)) this.drop("low", "superseded");
    this.images.set(camera, { kind: "image", data, t_ms: Date.now() });
    this.wake();
  }

  /** Sends what is left, for `flushMs` at most; false if something stayed behind. */
  async close(flushMs: number): Promise<boolean> {
    this.deadline = Date.now() + flushMs;
    this.wake();
    await this.done;
    return this.buffered() === 0;
  }

  stats(): Stats {
    const { epoch, fenced, connected, reconnects } = this;
    return { published: { ...this.published }, dropped: { ...this.dropped }, buffered: this.buffered(), reconnects, connected, epoch, fenced };
  }

  private buffered(): number {
    return this.lanes.critical.length + this.lanes.normal.length + this.frames.length + this.images.size;
  }

  private async work(): Promise<void> {
    while (!this.over()) {
      try {
        if (!this.client) await this.greet();
        if (Date.now() >= this.nextTick) await this.tick();
        const sent = await this.round();
        if (!sent) await this.rest(this.buffered() > 0 ? 5 : Math.max(1, this.nextTick - Date.now()));
      } catch (error) {
        if (error instanceof Fenced) this.stopForGood();
        else await this.lost(error);
      }
    }
    if (this.connected && !this.fenced) await this.client?.del(keys.alive(this.run)).catch(() => undefined);
    this.client?.disconnect();
  }

  private over(): boolean {
    return this.fenced || (this.deadline !== undefined && (this.buffered() === 0 && this.epoch > 0 || Date.now() >= this.deadline));
  }

  /** A new connection: says who we are, and finds out what the server still has. */
  private async greet(): Promise<void> {
    const client = (this.client = await connect(this.url));
    if (this.epoch === 0) {
      await client.sadd(keys.runs, this.run);
      this.epoch = await client.hincrby(keys.producers(this.run), this.producer, 1);
    } else {
      await this.tick();
      await this.ask();
      this.reconnects++;
    }
    if (this.away) console.error(`lanecast: run ${this.run}: the server is back`);
    this.connected = true;
    this.away = false;
    this.backoff.reset();
  }

  private async tick(): Promise<void> {
    const client = this.client!;
    this.nextTick = Date.now() + TICK_MS;
    // Asked first, for a server without memory left refuses even an SADD that changes nothing.
    const known = await client.sismember(keys.runs, this.run);
    const added = known ? 0 : await client.sadd(keys.runs, this.run);
    const newest = await client.hget(keys.producers(this.run), this.producer);
    if (newest !== null && Number(newest) > this.epoch) throw new Fenced();
    if (newest === null) await this.beginEpoch(this.epoch + 1); // the server came back empty
    else if (added) await this.ask(); // an append was quicker: the other lane may have nothing to send
    if (newest === null || added) this.lanes.critical.putFirst(this.announce());
    const flow = await client.hgetall(keys.flow(this.run));
    const stopped = flow["state"] === "stop_bulk";
    const rate = ["slow", "stop_bulk"].includes(flow["state"] ?? "") && flow["max_rate_hz"] ? Number(flow["max_rate_hz"]) : Infinity;
    this.flow = { rateHz: stopped ? 0 : rate, shedLow: flow["shed_low"] === "1" || stopped };
  }

  /** Whether the server still has what it acknowledged; if not, it is sent again from there. */
  private async ask(): Promise<void> {
    for (const lane of ["critical", "normal"] as const) {
      const last = this.lanes[lane].last();
      if (last) await this.append(lane, this.lanes[lane].acked, [last]);
    }
  }

  private async beginEpoch(by: number): Promise<void> {
    this.epoch = await this.client!.hincrby(keys.producers(this.run), this.producer, by);
    this.lanes.critical.renumber();
    this.lanes.normal.renumber();
    this.frameSeq = 0;
  }

  private async round(): Promise<boolean> {
    let sent = await this.sendLossless("critical");
    sent = (await this.sendFrame()) || sent;
    sent = (await this.sendLossless("normal")) || sent;
    return (await this.sendImage()) || sent;
  }

  private async sendLossless(lane: Lossless): Promise<boolean> {
    if (Date.now() < this.notBefore[lane]) return false;
    const batch = this.lanes[lane].batch();
    return batch.length > 0 && this.append(lane, this.lanes[lane].acked + 1, batch);
  }

  private async append(lane: Lossless, seq: number, batch: readonly Message[]): Promise<boolean> {
    const words: (string | number | Buffer)[] = [
      keys.lane(this.run, lane), keys.producers(this.run), keys.sequences(this.run),
      this.producer, this.epoch, lane, BOUNDS[lane], seq,
    ];
    for (const message of batch) words.push(message.kind, "msgpack", message.t_ms, asBuffer(message.data));
    let answer: unknown;
    try {
      answer = await this.client!.evalsha(SHA, 3, ...words).catch((error: unknown) => {
        if (!String(error).includes("NOSCRIPT")) throw error;
        return this.client!.eval(SCRIPT, 3, ...words);
      });
    } catch (error) {
      if (!String(error).includes("OOM")) throw error;
      this.notBefore[lane] = Date.now() + NO_MEMORY_MS;
      return false;
    }
    const [word, number] = answer as [string, number];
    const replay = this.lanes[lane];
    if (word === "fenced") throw new Fenced();
    if (word === "gap") {
      // What is not kept any more cannot be sent again: only a new epoch goes on without it.
      if (replay.rewind(number) > 0) await this.beginEpoch(1);
      return true;
    }
    this.count(this.published, lane, replay.acknowledge(number));
    if (word === "full") this.notBefore[lane] = Date.now() + FULL_MS;
    return word === "ok";
  }

  private async sendFrame(): Promise<boolean> {
    const frame = this.frames.first();
    const now = Date.now();
    const last = this.deadline !== undefined; // the last frame of a run always may
    if (!frame || (!last && (this.flow.rateHz === 0 || now < this.nextFrame))) return false;
    const sent = await this.add("high", frame, 256, ["producer", this.producer, "epoch", this.epoch, "seq", ++this.frameSeq]);
    if (Number.isFinite(this.flow.rateHz)) this.nextFrame = now + 1000 / Math.max(this.flow.rateHz, 0.1);
    this.frames.sent(frame);
    return sent;
  }

  private async sendImage(): Promise<boolean> {
    const next = this.images.entries().next();
    if (next.done) return false;
    this.images.delete(next.value[0]); // at most once: whatever happens now, it is not sent again
    // While pictures are large, fewer of them wait.
    const bound = Math.min(64, Math.max(4, Math.floor(32 * 1024 * 1024 / next.value[1].data.length)));
    return this.add("low", next.value[1], bound, []);
  }

  private async add(lane: string, message: Message | Outgoing, bound: number, more: (string | number)[]): Promise<boolean> {
    try {
      await this.client!.xadd(
        keys.lane(this.run, lane), "MAXLEN", "~", bound, "*",
        "kind", message.kind, "t_ms", message.t_ms, "data", asBuffer(message.data), ...more,
      );
    } catch (error) {
      if (!String(error).includes("OOM")) throw error;
      this.drop(lane, "oom");
      return false;
    }
    this.count(this.published, lane, 1);
    return true;
  }

  private rest(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.deadline !== undefined && this.buffered() === 0) this.wake();
    });
  }

  private async lost(error: unknown): Promise<void> {
    this.client?.disconnect();
    this.client = undefined;
    this.connected = false;
    if (!this.away) console.error(`lanecast: run ${this.run}: the server is away, messages are kept: ${String(error)}`);
    this.away = true;
    const left = this.deadline === undefined ? Infinity : this.deadline - Date.now();
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(this.backoff.nextMs(), left))));
  }

  private stopForGood(): void {
    this.fenced = true;
    console.error(`lanecast: run ${this.run}: another ${this.producer} has taken over; give one of them another run id`);
    for (const lane of ["critical", "normal"] as const) this.drop(lane, "fenced", this.lanes[lane].length);
    this.onFenced();
  }

  private drop(lane: string, cause: string, by = 1): void {
    this.count(this.dropped, `${lane}:${cause}`, by);
  }

  private count(counts: Record<string, number>, name: string, by: number): void {
    if (by > 0) counts[name] = (counts[name] ?? 0) + by;
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
