/** Hears a run's commands and says every second that somebody does. No command is missed after a lost connection. */
import type { Redis } from "ioredis";
import { InvalidMessage } from "./errors.js";
import { Backoff, connect, keys } from "./link.js";
import { type Command, readCommand } from "./steering.js";

const ALIVE_MS = 3000;

export class Listener {
  private cursor: string | undefined;
  private closing = false;
  private client: Redis | undefined;
  private done: Promise<void> = Promise.resolve();
  private cut: () => void = () => undefined;

  constructor(
    private readonly run: string,
    private readonly producer: string,
    private readonly url: string,
    private readonly handle: (command: Command, nowMs: number) => void,
  ) {}

  start(): void {
    this.done = this.work();
  }

  /** Hears no more, and says so no more: the `alive` key may be deleted once this is over. */
  async stop(): Promise<void> {
    this.closing = true;
    this.client?.disconnect();
    this.cut();
    await this.done;
  }

  private async work(): Promise<void> {
    const backoff = new Backoff();
    while (!this.closing) {
      try {
        this.client ??= await connect(this.url);
        await this.round(this.client);
        backoff.reset();
      } catch {
        this.client?.disconnect(); // the publisher tells the user
        this.client = undefined;
        if (this.closing) return;
        await new Promise<void>((resolve) => {
          this.cut = resolve;
          setTimeout(resolve, backoff.nextMs()).unref();
        });
      }
    }
    this.client?.disconnect();
  }

  private async round(client: Redis): Promise<void> {
    const key = keys.control(this.run);
    const newest = await client.xrevrange(key, "+", "-", "COUNT", 1);
    const last = newest[0]?.[0] ?? "0-0";
    // A stream that ends before our cursor has been lost in part; what comes twice is known by its id.
    if (this.cursor === undefined) this.cursor = last;
    else if (before(last, this.cursor)) this.cursor = "0-0";
    if (this.closing) return;
    try {
      await client.set(keys.alive(this.run), this.producer, "PX", ALIVE_MS);
    } catch (error) {
      if (!String(error).includes("OOM")) throw error;
      await client.pexpire(keys.alive(this.run), ALIVE_MS);
    }
    const reply = await client.xread("COUNT", 100, "BLOCK", 1000, "STREAMS", key, this.cursor);
    for (const [id, words] of reply?.[0]?.[1] ?? []) {
      if (this.closing) return;
      this.cursor = id;
      const fields: Record<string, string> = {};
      for (let i = 0; i + 1 < words.length; i += 2) fields[words[i]!] = words[i + 1]!;
      try {
        this.handle(readCommand(fields), Date.now());
      } catch (error) {
        if (!(error instanceof InvalidMessage)) throw error; // an entry that cannot be read cannot be answered
      }
    }
  }
}

function before(a: string, b: string): boolean {
  const [aMs = "0", aN = "0"] = a.split("-");
  const [bMs = "0", bN = "0"] = b.split("-");
  return aMs === bMs ? BigInt(aN) < BigInt(bN) : BigInt(aMs) < BigInt(bMs);
}
