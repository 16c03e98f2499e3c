import assert from "node:assert/strict";
import { test } from "node:test";
import { readCommand, Steering } from "../src/steering.js";
import { type Any, vectors } from "./shapes.js";

for (const vector of vectors("steering.json")) {
  test(`${vector.name}: a simulation answers as the dialogue says`, () => {
    let said: Any[] = [];
    const steering = new Steering(vector.params, (kind, payload) => said.push([kind, structuredClone(payload)]));
    for (const step of vector.steps) {
      said = [];
      steering.handle(readCommand(step.hears), step.now_ms);
      const answers = said.filter(([kind]) => kind !== "lifecycle");
      for (const [kind, payload] of answers) {
        if (kind === "result") assert.equal("error" in payload, !payload.ok);
        delete payload.error;
      }
      assert.deepEqual(answers, step.says);
    }
  });
}

for (const vector of vectors("commands-good.json")) {
  test(`${vector.name}: a command is read as the vector says`, () => {
    const { expires_ms, ...command } = readCommand(vector.fields);
    assert.deepEqual({ ...command, expires_ms: expires_ms === Infinity ? null : expires_ms }, vector.command);
  });
}

for (const vector of vectors("commands-bad.json")) {
  test(`${vector.name}: a command is refused by the vector's field`, () => {
    assert.throws(() => readCommand(vector.fields), { field: vector.field });
  });
}

test("a change is told once inside turn, before the step that sees it", async () => {
  const steering = new Steering({ gain: { type: "float", value: 1 } }, () => undefined);
  const told: unknown[] = [];
  steering.onParam("gain", (value) => told.push(value, steering.values["gain"]));
  assert.throws(() => steering.onParam("speed", () => undefined), { field: "params.speed" });
  await steering.turn();
  steering.handle({ command_id: "a", name: "set_params", args: { params: { gain: 2 } }, user: "", expires_ms: Infinity }, 0);
  assert.deepEqual(told, []);
  await steering.turn();
  await steering.turn();
  assert.deepEqual(told, [2, 2]);
});

test("a paused simulation takes the steps that it is given, and its parameters change between steps", async () => {
  const steering = new Steering({ gain: { type: "float", value: 1 } }, () => undefined);
  const send = (id: string, name: string, args = {}): void =>
    steering.handle({ command_id: id, name, args, user: "", expires_ms: Infinity }, 0);
  send("a", "step", { steps: 2 });
  assert.ok(await steering.turn());
  send("b", "set_params", { params: { gain: 2 } });
  assert.equal(steering.values["gain"], 1);
  assert.ok(await steering.turn());
  assert.equal(steering.values["gain"], 2);
  const waiting = steering.turn();
  assert.equal(steering.state, "paused");
  send("c", "resume");
  assert.ok(await waiting);
  send("d", "stop");
  assert.equal(await steering.turn(), false);
});
