/** Everything the engine knows about the run that is being watched: its info, its frames and what they cost. */
import type { FrameMessage, RunInfo } from '../protocol/messages';
import type { HopSummary, SelectionSummary } from './bridge';
import type { ServerClock } from './clock';
import { FrameChain, type FrameOutcome } from './frameChain';
import { cellValue, rowOf, type Layer } from './layerStore';
import type { Picked } from './picking';
import { Playout } from './playout';

/** A latency above this says that two clocks differ, not that a frame was so long on its way. */
const PLAUSIBLE_MS = 60_000;

export class RunView {
  readonly chain = new FrameChain();
  readonly playout = new Playout();
  info: RunInfo | null = null;
  hasFrame = false;
  /** How old the newest frame was when it came, as far as the clocks are known. */
  latencyMs = 0;
  hops: readonly HopSummary[] = [];
  /** When the newest frame was published, by the server's clock; null: not told. */
  publishedMs: number | null = null;

  take(frame: FrameMessage): FrameOutcome {
    return this.chain.apply(frame);
  }

  /** Notes when the frame came; `clock` relates the server's time to ours. */
  arrived(frame: FrameMessage, nowMs: number, unixMs: number, clock: ServerClock): void {
    this.hasFrame = true;
    this.playout.arrived(nowMs);
    const { pub_ms: pub, in_ms: into, out_ms: out } = frame.hops ?? {};
    const age = (thenMs: number | null | undefined): number | null => {
      const ms = thenMs == null ? null : clock.sinceMs(thenMs, unixMs);
      return ms !== null && ms < PLAUSIBLE_MS ? ms : null;
    };
    this.publishedMs = pub ?? null;
    this.latencyMs = age(pub) ?? age(out) ?? 0;
    const hops: HopSummary[] = [];
    if (pub != null && into != null) hops.push({ name: 'Producer to Redis', ms: into - pub });
    if (into != null && out != null) hops.push({ name: 'Redis to worker output', ms: out - into });
    const last = age(out);
    if (last !== null) hops.push({ name: 'Output to this page', ms: last });
    this.hops = hops;
  }

  ageMs(nowMs: number): number | null {
    const since = this.playout.sinceArrivalMs(nowMs);
    return since === null ? null : since + this.latencyMs;
  }

  /** All columns of one entity, for the inspector. Keeps what it showed last when the entity has left. */
  inspect(
    picked: Picked,
    before: SelectionSummary | null,
    layers: ReadonlyMap<string, Layer> = this.chain.layers,
  ): SelectionSummary {
    const layer = layers.get(picked.layer);
    const row = layer === undefined ? -1 : rowOf(layer, picked.id);
    if (layer === undefined || row < 0) {
      const same = before?.layer === picked.layer && before.id === picked.id;
      const kept = same ? before : { ...picked, name: `${picked.id}`, fields: [] };
      return { ...kept, present: false };
    }
    const schema = this.info?.layers?.[picked.layer]?.columns;
    const fields = [...layer.columns]
      .filter(([name]) => name !== 'id')
      .map(([name, column]) => ({
        name,
        value: cellValue(column, row),
        unit: schema?.[name]?.unit ?? null,
      }));
    const name = layer.names?.[row] ?? `${picked.id}`;
    return { ...picked, name, present: true, fields };
  }
}
