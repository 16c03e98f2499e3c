/** What viewers have asked of the simulation, and what it does about it. No I/O: `say` takes the answers away. */
import { checkId, InvalidMessage } from "./errors.js";

export type Value = number | boolean | string;

/** What viewers may change; the type follows from the value (and `choices`), `type: "int"` takes integers only. */
export interface Param {
  readonly type?: "float" | "int" | "bool" | "choice";
  readonly value: Value;
  readonly min?: number;
  readonly max?: number;
  readonly step?: number;
  readonly unit?: string;
  readonly title?: string;
  readonly choices?: readonly string[];
}

export interface Command {
  readonly command_id: string;
  readonly name: string;
  readonly args: Record<string, unknown>;
  readonly user: string;
  readonly expires_ms: number;
}

export type State = "created" | "running" | "paused" | "stopping" | "ended";
export type Say = (kind: "control" | "result" | "lifecycle", payload: Record<string, unknown>) => void;

const MAX_STEPS = 100_000;
const KEPT_RESULTS = 10_000;
const NAMES = ["pause", "resume", "stop", "step", "set_params"];

/** The description of each parameter as the wire has it; a bare value stands for `{value}`. */
export function describe(params: Readonly<Record<string, Param | Value>>): Record<string, Param> {
  const described: Record<string, Param> = {};
  for (const [name, given] of Object.entries(params)) {
    const param = typeof given === "object" ? given : { value: given };
    const kind = typeof param.value === "boolean" ? "bool" : typeof param.value === "number" ? "float" : "choice";
    const full = { ...param, type: param.type ?? kind };
    if (full.type === "choice" && !full.choices?.length) throw new InvalidMessage(`params.${name}.choices`, "missing");
    checkValue(full, full.value, `params.${name}.value`);
    described[name] = full;
  }
  return described;
}

/** Returns `value` if the parameter may take it. */
export function checkValue(param: Param, value: unknown, path: string): Value {
  const wanted = { float: "number", int: "number", bool: "boolean", choice: "string" }[param.type ?? "float"];
  const wrong = typeof value !== wanted || (param.type === "int" && !Number.isSafeInteger(value)) ||
    (param.type === "float" && !Number.isFinite(value));
  if (wrong) throw new InvalidMessage(path, `expected ${param.type}, got ${JSON.stringify(value)}`);
  if (param.choices && !param.choices.includes(value as string)) {
    throw new InvalidMessage(path, `${JSON.stringify(value)} is not one of ${param.choices.join(", ")}`);
  }
  if (typeof value === "number" && param.min !== undefined && value < param.min) {
    throw new InvalidMessage(path, `${value} is below the minimum ${param.min}`);
  }
  if (typeof value === "number" && param.max !== undefined && value > param.max) {
    throw new InvalidMessage(path, `${value} is above the maximum ${param.max}`);
  }
  return value as Value;
}

/** Reads an entry of `ctl`; throws `InvalidMessage` if its fields cannot be read. */
export function readCommand(fields: Readonly<Record<string, string>>): Command {
  const command_id = checkId(fields["command_id"] ?? "", "command_id");
  const name = fields["name"];
  if (!name) throw new InvalidMessage("name", "missing");
  let args: unknown;
  try {
    args = JSON.parse(fields["args"] || "{}");
  } catch {
    throw new InvalidMessage("args", "not JSON");
  }
  if (typeof args !== "object" || args === null || Array.isArray(args)) throw new InvalidMessage("args", "expected a map");
  const text = fields["expires_ms"];
  const expires_ms = text === undefined || text === "" ? Infinity : Number(text);
  if (Number.isNaN(expires_ms)) throw new InvalidMessage("expires_ms", "expected a number");
  return { command_id, name, args: args as Record<string, unknown>, user: fields["user"] ?? "", expires_ms };
}

/** One run's control state. Commands take effect between two steps, inside `turn`. */
export class Steering {
  /** The parameters as the simulation sees them; they change inside `turn` only. */
  readonly values: Record<string, Value> = {};
  state: State = "created";
  private asked: Record<string, Value> = {};
  private readonly watched: [name: string, changed: (value: Value) => void][] = [];
  private paused = false;
  private stopping = false;
  private steps = 0;
  private commands = 0;
  private seen = 0;
  private readonly results = new Map<string, Record<string, unknown>>();
  private readonly wake = new Set<() => void>();

  constructor(
    readonly params: Record<string, Param>,
    private readonly say: Say,
  ) {
    for (const [name, param] of Object.entries(params)) this.values[name] = this.asked[name] = param.value;
  }

  /** Waits while paused; false once the simulation has to stop. */
  async turn(): Promise<boolean> {
    for (;;) {
      this.seen = this.commands;
      const changes = Object.entries(this.asked).filter(([name, value]) => this.values[name] !== value);
      Object.assign(this.values, this.asked);
      for (const [name, value] of changes) {
        for (const [watched, changed] of this.watched) if (watched === name) changed(value);
      }
      if (this.stopping) return false;
      if (!this.paused) {
        this.become("running");
        return true;
      }
      if (this.steps > 0) {
        this.steps--;
        return true;
      }
      this.become("paused");
      await new Promise<void>((resolve) => this.wake.add(resolve));
    }
  }

  onParam(name: string, changed: (value: Value) => void): void {
    if (!Object.hasOwn(this.params, name)) throw new InvalidMessage(`params.${name}`, "the run has no such parameter");
    this.watched.push([name, changed]);
  }

  /** Waits; false if a command came since the last `turn`, which ends the wait. */
  async sleep(ms: number): Promise<boolean> {
    if (this.seen !== this.commands) return false;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wake.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.wake.add(done);
    });
    return this.seen === this.commands;
  }

  end(): void {
    this.become("ended");
    this.stopping = true;
    this.wakeAll();
  }

  /** Makes `turn` answer false, and ends `sleep`. */
  interrupt(): void {
    this.stopping = true;
    this.wakeAll();
  }

  /** Does a command or not: says `control` if it was done, and always a `result`. */
  handle(command: Command, nowMs: number): void {
    let result = this.results.get(command.command_id);
    if (!result) {
      result = { command_id: command.command_id, ok: true };
      try {
        this.obey(command, nowMs);
      } catch (error) {
        if (!(error instanceof InvalidMessage)) throw error;
        result = { command_id: command.command_id, ok: false, error: error.problem, field: error.field };
      }
      this.results.set(command.command_id, result);
      if (this.results.size > KEPT_RESULTS) this.results.delete(this.results.keys().next().value!);
    }
    this.say("result", result);
  }

  control(): Record<string, unknown> {
    return { paused: this.paused, stopping: this.stopping, params: { ...this.asked } };
  }

  private obey({ name, args, expires_ms }: Command, nowMs: number): void {
    if (nowMs > expires_ms) throw new InvalidMessage("expires_ms", "the command has expired by the simulation's clock");
    if (!NAMES.includes(name)) throw new InvalidMessage("name", `"${name}" is not one of ${NAMES.join(", ")}`);
    if (this.state === "ended") throw new InvalidMessage("name", "the simulation has ended");
    if (this.stopping && ["pause", "resume", "step"].includes(name)) {
      throw new InvalidMessage("name", "the simulation is stopping");
    }
    if (name === "stop") this.stopping = true;
    else if (name === "set_params") this.setParams(args["params"]);
    else if (name === "step") this.step(args["steps"] ?? 1);
    else {
      this.paused = name === "pause";
      this.steps = 0;
    }
    this.commands++;
    this.say("control", this.control());
    if (this.stopping) this.become("stopping");
    this.wakeAll();
  }

  private step(steps: unknown): void {
    if (!Number.isSafeInteger(steps) || (steps as number) < 1 || (steps as number) > MAX_STEPS) {
      throw new InvalidMessage("args.steps", `expected an integer from 1 to ${MAX_STEPS}`);
    }
    this.paused = true;
    this.steps = Math.min(MAX_STEPS, this.steps + (steps as number));
  }

  private setParams(given: unknown): void {
    if (typeof given !== "object" || given === null || Array.isArray(given) || Object.keys(given).length === 0) {
      throw new InvalidMessage("args.params", "expected a map of parameter names to values");
    }
    const checked: Record<string, Value> = {};
    for (const [name, value] of Object.entries(given)) {
      const param = Object.hasOwn(this.params, name) ? this.params[name] : undefined;
      if (!param) throw new InvalidMessage(`args.params.${name.slice(0, 64)}`, "the run has no such parameter");
      checked[name] = checkValue(param, value, `args.params.${name}`);
    }
    Object.assign(this.asked, checked);
  }

  private become(state: State): void {
    if (this.state === state || this.state === "ended") return;
    this.state = state;
    this.say("lifecycle", { state });
  }

  private wakeAll(): void {
    const wake = [...this.wake];
    this.wake.clear();
    for (const resolve of wake) resolve();
  }
}
