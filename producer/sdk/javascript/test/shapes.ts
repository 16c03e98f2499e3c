/** The test vectors of the wire, given to the public calls and read back by the wire's rules. */
import { readFileSync } from "node:fs";
import { decode } from "@msgpack/msgpack";
import * as payloads from "../src/payloads.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Any = any;

export const SPEC = new URL("../../../../spec/vectors/", import.meta.url);

export function vectors(name: string, folder: URL = SPEC): Any[] {
  return JSON.parse(readFileSync(new URL(name, folder), "utf-8")) as Any[];
}

/** Encodes what a vector says by the call for its kind; null for kinds that a run sends by itself. */
export function encoded(kind: string, p: Any, typed = false): Uint8Array | null {
  switch (kind) {
    case "frame":
      return payloads.frame({ ...p, layers: mapped(p.layers, (layer) => (typed ? mapped(layer, toTyped) : layer)) });
    case "events":
      return payloads.events(p.type, p.items, p.time_s);
    case "metrics":
      return payloads.metrics(p.values, p.step, p.time_s);
    case "status":
    case "log":
      return payloads.status(p.level, p.text, p.time_s);
    case "scene":
      return payloads.scene(p);
    case "image":
      if (p.mime === "image/x-raw") return payloads.pixels(p.camera, { ...p, data: Buffer.from(p.data.hex, "hex") }, p.step, p.time_s);
      return payloads.image(p.camera, p.mime, Buffer.from(p.data.hex, "hex"), p.step, p.time_s);
    default:
      return null;
  }
}

/** What an encoded payload says, in the vectors' form. */
export function meaning(kind: string, data: Uint8Array): Any {
  const p = decode(data) as Any;
  if (kind === "frame") return { partial: false, gone: {}, phases: {}, ...p, layers: mapped(p.layers, (l) => mapped(l, plain)) };
  if (kind === "events") return { ...p, items: mapped(p.items, plain) };
  if (kind === "scene") return mapped(p, (part, name) => (name === "lines" || name === "areas" ? mapped(part, plain) : part));
  if (kind === "image") return { ...p, data: { hex: Buffer.from(p.data).toString("hex") } };
  return p;
}

function mapped(map: Any, change: (value: Any, name: string) => Any): Any {
  return Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value, name)]));
}

function toTyped(column: Any): Any {
  if (typeof column[0] !== "number") return column;
  return column.every((v: number) => Number.isInteger(v) && v >= 0 && v <= 0xffffffff) ? Uint32Array.from(column) : Float64Array.from(column);
}

function plain(column: Any): Any {
  if (Array.isArray(column)) return column;
  const { dtype, data } = column as { dtype: string; data: Uint8Array };
  const copy = data.slice().buffer;
  if (dtype === "u4") return [...new Uint32Array(copy)];
  if (dtype === "f4") return [...new Float32Array(copy)];
  if (dtype === "f8") return [...new Float64Array(copy)];
  throw new Error(`unexpected dtype ${dtype}`);
}
