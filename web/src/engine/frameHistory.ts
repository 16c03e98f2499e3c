/**
 * The last minute of a run as it came, for looking back: frames as they were on the wire, and a copy of the whole state every
 * two seconds, from which any moment between is made again.
 *
 * Bounded in time and in bytes; the oldest goes first. Another stream or another life of the producer begins anew, for there
 * is no way from one to the other. Pure: times are given to it.
 */
import type { Epoch, FrameMessage, WireDeltaLayer } from '../protocol/messages';
import type { FrameChain } from './frameChain';
import { applyDelta, type Layer } from './layerStore';

export const HISTORY_MS = 60_000;
const HISTORY_BYTES = 64 * 1024 * 1024;
const SNAPSHOT_EVERY_MS = 2000;
/** What a frame costs beside its numbers. */
const OVERHEAD_BYTES = 600;

type Metrics = Readonly<Record<string, number>>;

/** The state of a run at one frame. */
export interface Moment {
  /** Counts the frames of the run; keeps its meaning while old ones go. */
  seq: number;
  timeS: number;
  step: number;
  layers: ReadonlyMap<string, Layer>;
  metrics: Metrics;
  phases: Metrics;
}

interface Entry {
  atMs: number;
  timeS: number;
  step: number;
  deltas: Readonly<Record<string, WireDeltaLayer>>;
  /** The whole state after this frame; null: it is made from an earlier one. */
  snapshot: ReadonlyMap<string, Layer> | null;
  metrics: Metrics;
  phases: Metrics;
  bytes: number;
}

export class FrameHistory {
  private entries: Entry[] = [];
  private firstSeq = 0;
  private bytes = 0;
  private snapshotMs = -Infinity;
  private stream: { epoch: Epoch | null; life: number } = { epoch: null, life: 0 };
  private metricsVersion = -1;
  private metrics: Metrics = {};

  constructor(
    private readonly mostMs = HISTORY_MS,
    private readonly mostBytes = HISTORY_BYTES,
  ) {}

  /** The first and the last frame that can be looked at; null while there is nothing to look back to. */
  get span(): { first: number; last: number; fromS: number; toS: number } | null {
    const [oldest, newest] = [this.entries[0], this.entries.at(-1)];
    if (oldest === undefined || newest === undefined || oldest === newest) return null;
    const last = this.firstSeq + this.entries.length - 1;
    return { first: this.firstSeq, last, fromS: oldest.timeS, toS: newest.timeS };
  }

  /** The frame has been applied to the chain. */
  add(frame: FrameMessage, chain: FrameChain, nowMs: number): void {
    if (chain.epoch !== this.stream.epoch || chain.life !== this.stream.life) {
      this.clear();
      this.stream = { epoch: chain.epoch, life: chain.life };
    }
    if (chain.metricsVersion !== this.metricsVersion) {
      this.metricsVersion = chain.metricsVersion;
      this.metrics = Object.fromEntries(chain.metrics);
    }
    const whole =
      frame.key || this.entries.length === 0 || nowMs - this.snapshotMs >= SNAPSHOT_EVERY_MS;
    const snapshot = whole ? copyOf(chain.layers) : null;
    if (whole) this.snapshotMs = nowMs;
    const deltas = frame.key ? {} : (frame.layers as Record<string, WireDeltaLayer>);
    const bytes = OVERHEAD_BYTES + bytesOf(deltas) + (snapshot === null ? 0 : sizeOf(snapshot));
    const { timeS, step, phases } = chain;
    const { metrics } = this;
    this.entries.push({ atMs: nowMs, timeS, step, deltas, snapshot, metrics, phases, bytes });
    this.bytes += bytes;
    this.trim(nowMs);
  }

  /** The chain has gone on by a frame that is not shown: what follows cannot be made from what is here. */
  breakOff(): void {
    this.snapshotMs = -Infinity;
  }

  /** The run as it was at this frame, or at the nearest that is kept; null while nothing is. */
  at(seq: number): Moment | null {
    const place = Math.min(Math.max(Math.round(seq) - this.firstSeq, 0), this.entries.length - 1);
    const entry = this.entries[place];
    if (entry === undefined) return null;
    let from = place;
    while (from > 0 && this.entries[from]?.snapshot === null) from--;
    const layers = copyOf(this.entries[from]?.snapshot ?? new Map());
    for (let next = from + 1; next <= place; next++) {
      for (const [name, delta] of Object.entries(this.entries[next]?.deltas ?? {})) {
        const layer = layers.get(name);
        if (layer !== undefined) applyDelta(layer, delta);
      }
    }
    const { timeS, step, metrics, phases } = entry;
    return { seq: this.firstSeq + place, timeS, step, layers, metrics, phases };
  }

  clear(): void {
    this.firstSeq += this.entries.length;
    this.entries = [];
    this.bytes = 0;
    this.snapshotMs = -Infinity;
  }

  /** Drops the oldest up to a whole state: what lies between could not be made again. */
  private trim(nowMs: number): void {
    for (;;) {
      const next = this.entries.findIndex(({ snapshot }, at) => at > 0 && snapshot !== null);
      // Only the newest part is left: it goes with the next whole state.
      if (next < 0) return;
      const tooOld = nowMs - (this.entries[next]?.atMs ?? nowMs) > this.mostMs;
      if (!tooOld && this.bytes <= this.mostBytes) return;
      for (const { bytes } of this.entries.splice(0, next)) this.bytes -= bytes;
      this.firstSeq += next;
    }
  }
}

function copyOf(layers: ReadonlyMap<string, Layer>): Map<string, Layer> {
  return new Map(
    [...layers].map(([name, { rows, columns, names, cell }]) => {
      const copies = [...columns].map(([key, column]) => {
        const copy = Object.assign({}, column, { data: column.data.slice(0, rows) });
        return [key, copy] as const;
      });
      return [name, { rows, columns: new Map(copies), names: names?.slice() ?? null, cell }];
    }),
  );
}

function sizeOf(layers: ReadonlyMap<string, Layer>): number {
  let bytes = 0;
  for (const { columns, names } of layers.values()) {
    for (const { data } of columns.values()) bytes += data.byteLength;
    bytes += (names?.length ?? 0) * 8;
  }
  return bytes;
}

/** The bytes of all typed arrays of a frame. */
function bytesOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== 'object' || value === null) return 0;
  let bytes = 0;
  for (const part of Object.values(value)) if (typeof part === 'object') bytes += bytesOf(part);
  return bytes;
}
