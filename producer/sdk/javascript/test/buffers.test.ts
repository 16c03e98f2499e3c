import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, Newest, Replay } from "../src/buffers.js";

const message = (n: number): Message => ({ kind: "log", data: Uint8Array.of(n), t_ms: 0 });
const numbers = (messages: Message[]): number[] => messages.map(({ data }) => data[0]!);
const filled = (count: number, ...limits: number[]): Replay => {
  const replay = new Replay(...limits);
  for (let n = 1; n <= count; n++) replay.put(message(n));
  return replay;
};

test("a batch whose answer was lost is sent again under the same numbers", () => {
  const replay = filled(3);
  assert.deepEqual(numbers(replay.batch(2)), [1, 2]);
  assert.deepEqual(numbers(replay.batch(2)), [1, 2]);
  assert.equal(replay.acknowledge(2), 2);
  assert.deepEqual([replay.acked, numbers(replay.batch())], [2, [3]]);
});

test("after a gap it goes on from the number that the server expects", () => {
  const replay = filled(4);
  replay.batch();
  replay.acknowledge(4);
  assert.equal(replay.rewind(3), 0);
  assert.deepEqual([replay.acked, numbers(replay.batch())], [2, [3, 4]]);
});

test("a new epoch sends all that is kept from number 1", () => {
  const replay = filled(3);
  replay.batch(2);
  replay.acknowledge(1);
  replay.renumber();
  assert.deepEqual([replay.acked, numbers(replay.batch())], [0, [1, 2, 3]]);
});

test("a full buffer gives up the oldest that were never sent", () => {
  const replay = filled(2, 3);
  replay.batch(1);
  assert.equal(replay.put(message(3)), 0);
  assert.equal(replay.put(message(4)), 1);
  assert.deepEqual(numbers(replay.batch()), [1, 3, 4]);
});

test("a full frame replaces older ones of its layers, a partial one none", () => {
  const newest = new Newest();
  const frame = (layers: string[], partial = false): number => newest.put({ ...message(1), layers, partial });
  assert.equal(frame(["a"]), 0);
  assert.equal(frame(["a"], true), 0);
  assert.equal(frame(["a", "b"]), 2);
  assert.equal(frame(["a"]), 0);
  assert.equal(newest.length, 2);
});
