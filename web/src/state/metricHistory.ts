/**
 * The recent past of every metric, for the charts. It lives outside React and the store: charts read it when they draw.
 *
 * All metrics share one time axis; a metric that had no value at some time has a hole there.
 */
import type { Epoch } from '../protocol/messages';

const CAPACITY = 1200;

export class MetricHistory {
  /** Simulation seconds, rising. */
  readonly times: number[] = [];
  /** Raised with every change. */
  version = 0;
  private readonly series = new Map<string, (number | null)[]>();
  private epoch: Epoch | null = null;

  push(epoch: Epoch | null, timeS: number, metrics: Readonly<Record<string, number>>): void {
    if (epoch !== this.epoch) {
      this.clear();
      this.epoch = epoch;
    }
    const last = this.times.at(-1);
    if (last !== undefined && timeS <= last) return;
    this.times.push(timeS);
    for (const name of Object.keys(metrics)) {
      if (!this.series.has(name))
        this.series.set(
          name,
          this.times.slice(1).map(() => null),
        );
    }
    for (const [name, values] of this.series) values.push(metrics[name] ?? null);
    if (this.times.length > CAPACITY) {
      this.times.shift();
      for (const values of this.series.values()) values.shift();
    }
    this.version += 1;
  }

  values(name: string): readonly (number | null)[] {
    return this.series.get(name) ?? [];
  }

  clear(): void {
    this.times.length = 0;
    this.series.clear();
    this.epoch = null;
    this.version += 1;
  }
}
