/**
 * The server's clock as seen from here, and the round-trip time, from ping and pong.
 *
 * The offset is taken from the sample with the shortest round trip among the last few: a pong that waited in a queue
 * says little about the clock.
 */
interface Sample {
  rttMs: number;
  offsetMs: number;
}

const KEPT = 8;

export class ServerClock {
  private samples: Sample[] = [];

  /** `nowMs` is this machine's Unix time, `serverMs` the server's when it answered. */
  pong(rttMs: number, nowMs: number, serverMs: number): void {
    this.samples.push({ rttMs, offsetMs: serverMs + rttMs / 2 - nowMs });
    if (this.samples.length > KEPT) this.samples.shift();
  }

  get rttMs(): number | null {
    return this.samples.at(-1)?.rttMs ?? null;
  }

  /** What to add to this machine's clock, null until the first pong. */
  get offsetMs(): number | null {
    let best: Sample | null = null;
    for (const sample of this.samples) {
      if (best === null || sample.rttMs <= best.rttMs) best = sample;
    }
    return best?.offsetMs ?? null;
  }

  /** How long ago the server's time `thenMs` was, never negative; null until the first pong. */
  sinceMs(thenMs: number, nowMs: number): number | null {
    const offsetMs = this.offsetMs;
    return offsetMs === null ? null : Math.max(0, nowMs + offsetMs - thenMs);
  }

  reset(): void {
    this.samples = [];
  }
}
