/** Running figures: how often, how much. Time is passed in, so that they can be tested. */

/** Events or amounts per second over a sliding window. */
export class RateMeter {
  private readonly times: number[] = [];
  private readonly amounts: number[] = [];
  private sum = 0;

  constructor(private readonly windowMs = 1000) {}

  add(nowMs: number, amount = 1): void {
    this.times.push(nowMs);
    this.amounts.push(amount);
    this.sum += amount;
    this.trim(nowMs);
  }

  perSecond(nowMs: number): number {
    this.trim(nowMs);
    return (this.sum * 1000) / this.windowMs;
  }

  private trim(nowMs: number): void {
    let gone = 0;
    while (gone < this.times.length && (this.times[gone] ?? 0) <= nowMs - this.windowMs) {
      this.sum -= this.amounts[gone] ?? 0;
      gone++;
    }
    if (gone > 0) {
      this.times.splice(0, gone);
      this.amounts.splice(0, gone);
    }
  }
}

/** An exponentially weighted mean. */
export class Smoothed {
  private mean: number | null = null;

  constructor(private readonly weight = 0.1) {}

  add(value: number): void {
    this.mean = this.mean === null ? value : this.mean + (value - this.mean) * this.weight;
  }

  get value(): number {
    return this.mean ?? 0;
  }
}

/** The last values of something, for its median and the like. */
export class Recent {
  private readonly values: Float64Array;
  private next = 0;
  private count = 0;

  constructor(room = 512) {
    this.values = new Float64Array(room);
  }

  add(value: number): void {
    this.values[this.next] = value;
    this.next = (this.next + 1) % this.values.length;
    this.count = Math.min(this.count + 1, this.values.length);
  }

  /** The value that `share` of the values do not exceed, by nearest rank; null without any. */
  quantile(share: number): number | null {
    if (this.count === 0) return null;
    const ordered = this.values.slice(0, this.count).toSorted();
    return ordered[Math.min(this.count - 1, Math.floor(share * this.count))] ?? null;
  }

  clear(): void {
    this.next = this.count = 0;
  }
}
