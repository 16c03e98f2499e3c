/** What a message says, as the wire's MessagePack. Pure: no I/O, no clock. Every mistake throws `InvalidMessage`. */
import { encode } from "@msgpack/msgpack";
import { checkInteger, checkNumber, checkText, checkName, InvalidMessage } from "./errors.js";

export type TypedColumn =
  Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array;
/** One value for each entity. Typed arrays travel as they are, and are by far the quickest. */
export type Column = TypedColumn | readonly number[] | readonly string[] | readonly boolean[];
/** Entities as columns; `id` (0 to 4294967295, or strings) is needed. */
export type Columns = { readonly id: Column; readonly [name: string]: Column };
export type Row = { readonly id: number | string; readonly [name: string]: number | string | boolean };
export type Layer = Columns | readonly Row[];

/** The static map: `points` hold x, y, x, y, … of all lines after one another, `starts` the index of each first point. */
export interface Scene {
  readonly kind: string;
  readonly bounds: readonly [number, number, number, number];
  readonly lines?: { points: Column; starts: Column; width?: Column; id?: readonly string[] };
  readonly areas?: { points: Column; starts: Column };
}

export const LEVELS = ["info", "warning", "error", "complete"] as const;
export type Level = (typeof LEVELS)[number];

export interface FrameParts {
  step: number;
  time_s: number;
  layers: Readonly<Record<string, Layer>>;
  partial?: boolean;
  gone?: Readonly<Record<string, readonly (number | string)[]>>;
  phases?: Readonly<Record<string, number>>;
}

const MAX_BYTES = 4 * 1024 * 1024;
const DTYPES = new Map<unknown, string>([
  [Uint8Array, "u1"], [Int8Array, "i1"], [Uint16Array, "u2"], [Int16Array, "i2"],
  [Uint32Array, "u4"], [Int32Array, "i4"], [Float32Array, "f4"], [Float64Array, "f8"],
]);

export function frame(parts: FrameParts): Uint8Array {
  const layers: Record<string, unknown> = {};
  for (const [name, layer] of Object.entries(parts.layers)) {
    checkName(name, "layers");
    layers[name] = layerOf(layer, `layers.${name}`, true);
  }
  const payload: Record<string, unknown> = { ...moment(parts.step, parts.time_s), layers };
  if (parts.partial) payload["partial"] = true;
  if (parts.gone && Object.keys(parts.gone).length > 0) {
    if (!parts.partial) throw new InvalidMessage("gone", "a full frame has none: who is missing in it has left");
    payload["gone"] = parts.gone;
  }
  if (parts.phases && Object.keys(parts.phases).length > 0) payload["phases"] = numbers(parts.phases, "phases");
  return packed(payload);
}

export function events(type: string, items: Layer | Readonly<Record<string, Column>>, time_s: number): Uint8Array {
  checkName(type, "type");
  return packed({ type, time_s: checkNumber(time_s, "time_s"), items: layerOf(items, "items", false) });
}

export function metrics(values: Readonly<Record<string, number>>, step: number, time_s: number): Uint8Array {
  return packed({ ...moment(step, time_s), values: numbers(values, "values") });
}

export function status(level: Level, text: string, time_s: number): Uint8Array {
  if (!LEVELS.includes(level)) throw new InvalidMessage("level", `"${level}" is not one of ${LEVELS.join(", ")}`);
  return packed({ level, text: checkText(text, "text", 4096), time_s: checkNumber(time_s, "time_s") });
}

export function image(camera: string, mime: string, data: Uint8Array, step: number, time_s: number): Uint8Array {
  checkName(camera, "camera");
  checkName(mime, "mime");
  return packed({ camera, mime, ...moment(step, time_s), data });
}

/** A picture as it is in memory: rows from the top, unsigned bytes, `channels` 1 (grey), 3 (RGB) or 4 (RGBA). */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array | Uint8ClampedArray;
}

export function pixels(camera: string, { width, height, channels, data }: Pixels, step: number, time_s: number): Uint8Array {
  checkName(camera, "camera");
  for (const [field, side] of Object.entries({ width, height })) {
    if (!Number.isInteger(side) || side < 1 || side > 8192) throw new InvalidMessage(field, `${side} is not from 1 to 8192 pixels`);
  }
  if (![1, 3, 4].includes(channels)) throw new InvalidMessage("channels", `${channels} is not 1, 3 or 4`);
  const expected = width * height * channels;
  if (data.length !== expected) throw new InvalidMessage("data", `expected ${expected} bytes, got ${data.length}`);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
  return packed({ camera, mime: "image/x-raw", ...moment(step, time_s), width, height, channels, data: bytes });
}

export function scene(given: Scene): Uint8Array {
  checkText(given.kind, "kind", 64);
  if (given.bounds.length !== 4) throw new InvalidMessage("bounds", "expected [x0, y0, x1, y1]");
  given.bounds.forEach((value, i) => checkNumber(value, `bounds[${i}]`));
  const payload: Record<string, unknown> = { kind: given.kind, bounds: given.bounds };
  for (const part of ["lines", "areas"] as const) {
    const columns = given[part];
    if (!columns) continue;
    if (columns.points.length % 2) throw new InvalidMessage(`${part}.points`, "expected pairs of x and y");
    payload[part] = Object.fromEntries(Object.entries(columns).map(([name, c]) => [name, columnOf(c, `${part}.${name}`)]));
  }
  return packed(payload);
}

/** MessagePack of anything else (`lifecycle`, `control`, `result`), within the limit of an entry. */
export function packed(payload: unknown): Uint8Array {
  const data = encode(payload, { ignoreUndefined: true });
  if (data.length > MAX_BYTES) throw new InvalidMessage("data", `${data.length} bytes are over the limit of ${MAX_BYTES}`);
  return data;
}

function layerOf(layer: Layer | Readonly<Record<string, Column>>, path: string, ids: boolean): unknown {
  if (Array.isArray(layer)) {
    (layer as readonly Row[]).forEach((row, i) => {
      if (ids) checkEntity(row.id, `${path}[${i}].id`);
      for (const [name, value] of Object.entries(row)) if (typeof value === "number") checkNumber(value, `${path}[${i}].${name}`);
    });
    return layer;
  }
  const columns = layer as Readonly<Record<string, Column>>;
  const id = columns["id"];
  if (ids) {
    if (!id) throw new InvalidMessage(`${path}.id`, "missing: every entity needs an id");
    for (let i = 0; i < id.length; i++) checkEntity(id[i], `${path}.id[${i}]`);
    if (new Set<unknown>(id).size !== id.length) throw new InvalidMessage(`${path}.id`, "an id is there twice");
  }
  let length = -1;
  const out: Record<string, unknown> = {};
  for (const [name, column] of Object.entries(columns)) {
    checkName(name, path);
    if (length >= 0 && column.length !== length) {
      throw new InvalidMessage(`${path}.${name}`, `has ${column.length} values, other columns have ${length}`);
    }
    length = column.length;
    out[name] = columnOf(column, `${path}.${name}`);
  }
  return out;
}

function columnOf(column: Column, path: string): unknown {
  const dtype = DTYPES.get(column.constructor);
  if (dtype) {
    const typed = column as TypedColumn;
    if (dtype.startsWith("f")) for (let i = 0; i < typed.length; i++) if (!Number.isFinite(typed[i])) checkNumber(typed[i], `${path}[${i}]`);
    // A copy: the simulation may reuse its array at once. (Typed arrays are little-endian wherever Node runs.)
    return { dtype, data: new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength) };
  }
  if (!Array.isArray(column)) throw new InvalidMessage(path, "expected an array");
  const first = typeof column[0];
  column.forEach((value: unknown, i) => {
    if (typeof value !== first || !["number", "string", "boolean"].includes(first)) {
      throw new InvalidMessage(`${path}[${i}]`, `a column holds numbers, strings or booleans only, this is ${String(value)}`);
    }
    if (first === "number") checkNumber(value, `${path}[${i}]`);
  });
  return column;
}

function checkEntity(id: unknown, path: string): void {
  if (typeof id === "string" ? id.length > 256 : !Number.isInteger(id) || (id as number) < 0 || (id as number) > 0xffffffff) {
    throw new InvalidMessage(path, `${String(id).slice(0, 60)} is neither an integer from 0 to 4294967295 nor a string`);
  }
}

function numbers(values: Readonly<Record<string, number>>, path: string): Readonly<Record<string, number>> {
  for (const [name, value] of Object.entries(values)) {
    checkName(name, path);
    checkNumber(value, `${path}.${name}`);
  }
  return values;
}

function moment(step: number, time_s: number): { step: number; time_s: number } {
  return { step: checkInteger(step, "step"), time_s: checkNumber(time_s, "time_s") };
}
