import assert from "node:assert/strict";
import { test } from "node:test";
import { Run } from "../src/index.js";
import * as payloads from "../src/payloads.js";
import { encoded, meaning, vectors } from "./shapes.js";

for (const vector of vectors("entries-good.json")) {
  const kind = vector.message.kind as string;
  for (const typed of [false, true]) {
    const data = encoded(kind, vector.payload, typed);
    if (!data) continue;
    test(`${vector.name}: what is published says what the vector says${typed ? " (typed)" : ""}`, () => {
      assert.deepEqual(meaning(kind, data), vector.payload);
    });
  }
}

test("a mistake names the field", () => {
  const frame = (layers: object): Uint8Array => payloads.frame({ step: 1, time_s: 0, layers: layers as never });
  const mistakes: [() => unknown, string][] = [
    [() => frame({ points: { x: [1] } }), "layers.points.id"],
    [() => frame({ points: { id: [1, 1] } }), "layers.points.id"],
    [() => frame({ points: { id: [-1] } }), "layers.points.id[0]"],
    [() => frame({ points: { id: [1], x: [NaN] } }), "layers.points.x[0]"],
    [() => frame({ points: { id: [1], x: Float32Array.of(Infinity) } }), "layers.points.x[0]"],
    [() => frame({ points: { id: [1, 2], x: [1] } }), "layers.points.x"],
    [() => payloads.metrics({ loss: NaN }, 0, 0), "values.loss"],
    [() => payloads.status("fatal" as never, "x", 0), "level"],
    [() => payloads.status("info", "x".repeat(4097), 0), "text"],
    [() => Run.start("no run id!"), "run"],
    [() => Run.start("sim", { params: { gain: { value: 7, max: 5 } } }), "params.gain.value"],
  ];
  for (const [wrong, field] of mistakes) assert.throws(wrong, { name: "InvalidMessage", field });
});
