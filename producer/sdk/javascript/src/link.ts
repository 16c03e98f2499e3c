/** A connection to Redis or Valkey that never repeats a command by itself: after a failure a new one is made. */
import { Redis } from "ioredis";

/** Connects, or throws. A command without an answer fails after 3 s. */
export async function connect(url: string): Promise<Redis> {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    connectTimeout: 2000,
    commandTimeout: 3000,
  });
  client.on("error", () => undefined); // whoever waits for a command hears of it
  try {
    await client.connect();
  } catch (error) {
    client.disconnect();
    throw error;
  }
  return client;
}

/** Waits that double from 50 ms to 1 s, with jitter. */
export class Backoff {
  private next = 0;

  nextMs(): number {
    this.next = Math.min(1000, this.next * 2 || 50);
    return this.next * (0.5 + Math.random() / 2);
  }

  reset(): void {
    this.next = 0;
  }
}

/** The keys of a run. */
export const keys = {
  runs: "lc:runs",
  lane: (run: string, lane: string): string => `lc:{${run}}:in:${lane}`,
  control: (run: string): string => `lc:{${run}}:ctl`,
  alive: (run: string): string => `lc:{${run}}:alive`,
  producers: (run: string): string => `lc:{${run}}:producers`,
  sequences: (run: string): string => `lc:{${run}}:seq`,
  flow: (run: string): string => `lc:{${run}}:flow`,
};
