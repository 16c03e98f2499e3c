import { checkId, checkName, InvalidMessage } from "./errors.js";
import { Listener } from "./listener.js";
import * as payloads from "./payloads.js";
import { Publisher, type Stats } from "./publisher.js";
import { describe, type Param, type State, Steering, type Value } from "./steering.js";

export interface RunOptions {
  /** As viewers see it; default: the id. */
  title?: string;
  /** What it simulates, such as `traffic`. */
  kind?: string;
  /** What viewers may change: a `Param`, or a plain value. */
  params?: Readonly<Record<string, Param | Value>>;
  metadata?: Readonly<Record<string, string | number | boolean>>;
  /** Who publishes; default: the run's id. The younger of two with one name takes over. */
  producer?: string;
  /** Default: LANECAST_REDIS_URL, else redis://127.0.0.1:6379/0. */
  url?: string;
  /** How long `close` may take to send what is left, in milliseconds. */
  flushMs?: number;
}

/** `step` and `time_s` (simulation seconds) must not go back; they default to one more, and to wall time since the start. */
export interface Moment {
  step?: number;
  time_s?: number;
}

/**
 * One run: publishes what the simulation does and obeys its viewers. Publishing never waits and never throws because of
 * Redis; a mistake in a call throws `InvalidMessage`, which names the field. Call `running` before each step: it lets
 * the messages out, too.
 */
export class Run {
  private readonly steering: Steering;
  private readonly listener: Listener;
  private readonly publisher: Publisher;
  private readonly description: Record<string, unknown>;
  private readonly flushMs: number;
  private readonly beganMs = performance.now();
  private step = 0;
  private time_s = 0;
  private timed = false;
  private frames = 0;
  private lastScene: Uint8Array | undefined;
  private phases: Record<string, number> = {};
  private closed = false;

  private constructor(
    readonly id: string,
    options: RunOptions,
  ) {
    checkId(id, "run");
    const producer = checkId(options.producer ?? id, "producer");
    const params = describe(options.params ?? {});
    const url = options.url ?? process.env["LANECAST_REDIS_URL"] ?? "redis://127.0.0.1:6379/0";
    this.description = { title: options.title ?? id, kind: options.kind ?? "generic", metadata: options.metadata ?? {}, params };
    this.flushMs = options.flushMs ?? 2000;
    this.steering = new Steering(params, (kind, payload) => this.publisher.put("critical", kind, payloads.packed(payload)));
    this.listener = new Listener(id, producer, url, (command, nowMs) => this.steering.handle(command, nowMs));
    this.publisher = new Publisher(id, producer, url, () => this.announcement(), () => void this.listener.stop());
  }

  /** Starts a run; whether the server is there or not, this does not wait. */
  static start(id: string, options: RunOptions = {}): Run {
    const run = new Run(id, options);
    for (const { kind, data } of run.announcement()) run.publisher.put("critical", kind, data);
    run.publisher.start();
    run.listener.start();
    return run;
  }

  /** The parameters as viewers have set them; they change inside `running` only. */
  get params(): Readonly<Record<string, Value>> {
    return this.steering.values;
  }

  get state(): State {
    return this.steering.state;
  }

  get stats(): Stats {
    return this.publisher.stats();
  }

  /** Ask before each step: waits while paused; false once the run has to stop. */
  async running(): Promise<boolean> {
    await new Promise(setImmediate); // a simulation that never sleeps would keep its messages for itself
    return !this.closed && this.steering.turn();
  }

  /** Keeps a pace between steps; false if a command came in, which ends the sleep at once. */
  sleep(ms: number): Promise<boolean> {
    return this.steering.sleep(ms);
  }

  /** `changed` is called inside `running` when viewers have set the parameter, before the step that sees the new value. */
  onParam(name: string, changed: (value: Value) => void): void {
    this.steering.onParam(name, changed);
  }

  /** Measures a part of the step, `part`, which may be async, and returns what it returns; the next frame tells how long it took. */
  phase<T>(name: string, part: () => T): T {
    checkName(name, "phases");
    const began = performance.now();
    const ended = (): void => {
      this.phases[name] = (this.phases[name] ?? 0) + performance.now() - began;
    };
    let result: T | undefined;
    try {
      result = part();
      return result instanceof Promise ? (result.finally(ended) as T) : result;
    } finally {
      if (!(result instanceof Promise)) ended();
    }
  }

  /** Makes `running` answer false: for signal handlers. */
  interrupt(): void {
    this.steering.interrupt();
  }

  /** Publishes the state at one step. Typed arrays are the quickest columns; what is given is copied. */
  frame(layers: payloads.FrameParts["layers"], more: Moment & Pick<payloads.FrameParts, "partial" | "gone" | "phases"> = {}): void {
    this.open();
    const step = more.step ?? this.step + 1;
    const time_s = this.time(more.time_s);
    if (this.frames > 0 && step < this.step) throw new InvalidMessage("step", `goes back from ${this.step} to ${step}`);
    if (this.frames > 0 && time_s < this.time_s) throw new InvalidMessage("time_s", `goes back from ${this.time_s} to ${time_s}`);
    const phases = { ...this.phases, ...more.phases };
    this.phases = {};
    const data = payloads.frame({ ...more, phases, layers, step, time_s });
    this.step = step;
    this.time_s = time_s;
    this.frames++;
    this.publisher.putFrame(data, Object.keys(layers), more.partial ?? false);
  }

  /** Publishes a batch of events of one type, as columns or rows. */
  events(type: string, items: payloads.Layer | Readonly<Record<string, payloads.Column>>, time_s?: number): void {
    this.open();
    this.publisher.put("normal", "events", payloads.events(type, items, this.time(time_s)));
  }

  /** Publishes named numbers. */
  metrics(values: Readonly<Record<string, number>>, { step, time_s }: Moment = {}): void {
    this.open();
    this.publisher.put("normal", "metrics", payloads.metrics(values, step ?? this.step, this.time(time_s)));
  }

  /** Tells every viewer something. */
  status(level: payloads.Level, text: string, time_s?: number): void {
    this.open();
    this.publisher.put("critical", "status", payloads.status(level, text, this.time(time_s)));
  }

  /** A line of the simulation's log, less urgent than `status`. */
  log(text: string, level: payloads.Level = "info", time_s?: number): void {
    this.open();
    this.publisher.put("normal", "log", payloads.status(level, text, this.time(time_s)));
  }

  /** Publishes the static map. */
  scene(scene: payloads.Scene): void {
    this.open();
    this.lastScene = payloads.scene(scene);
    this.publisher.put("critical", "scene", this.lastScene);
  }

  /** Publishes one picture of one camera, encoded as `mime` says, or as it is in memory; the newest wins. */
  image(camera: string, pixels: payloads.Pixels, moment?: Moment): void;
  image(camera: string, mime: string, data: Uint8Array, moment?: Moment): void;
  image(camera: string, given: string | payloads.Pixels, data?: Uint8Array | Moment, moment?: Moment): void {
    this.open();
    const { step, time_s } = (typeof given === "string" ? moment : (data as Moment | undefined)) ?? {};
    const [n, t] = [step ?? this.step, this.time(time_s)];
    const packed = typeof given === "string" ? payloads.image(camera, given, data as Uint8Array, n, t) : payloads.pixels(camera, given, n, t);
    this.publisher.putImage(camera, packed);
  }

  /** Ends the run and sends what is left; false if that did not all arrive in time. Safe to repeat. */
  async close(): Promise<boolean> {
    if (this.closed) return true;
    this.closed = true;
    this.steering.end();
    await this.listener.stop();
    return this.publisher.close(this.flushMs);
  }

  private announcement(): { kind: string; data: Uint8Array; t_ms: number }[] {
    const t_ms = Date.now();
    const told = [
      { kind: "lifecycle", data: payloads.packed({ state: this.steering.state, ...this.description }), t_ms },
      { kind: "control", data: payloads.packed(this.steering.control()), t_ms },
    ];
    return this.lastScene ? [...told, { kind: "scene", data: this.lastScene, t_ms }] : told;
  }

  private time(time_s: number | undefined): number {
    if (time_s !== undefined) this.timed = true;
    return time_s ?? (this.timed ? this.time_s : (performance.now() - this.beganMs) / 1000);
  }

  private open(): void {
    if (this.closed) throw new Error(`run ${this.id} is closed`);
  }
}
