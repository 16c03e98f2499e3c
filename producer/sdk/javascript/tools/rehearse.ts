/**
 * What the tests in Python drive; see tests/sdk/README.md.
 *
 *     rehearse vectors FILE      one line for each vector: its kind, and in hex what the SDK publishes
 *     rehearse simulate URL RUN  a simulation that publishes one of everything and counts its steps
 */
import { pathToFileURL } from "node:url";
import { Run } from "../src/index.js";
import { encoded, vectors } from "../test/shapes.js";

const [what, ...args] = process.argv.slice(2);

if (what === "vectors") {
  for (const { message, payload } of vectors("", pathToFileURL(args[0]!))) {
    const data = encoded(message.kind, payload, true);
    console.log(message.kind, data ? Buffer.from(data).toString("hex") : "-");
  }
} else {
  const run = Run.start(args[1]!, {
    title: "A rehearsal",
    kind: "test",
    params: { gain: { value: 1, min: 0, max: 5 }, rain: false, mode: { value: "slow", choices: ["slow", "fast"] } },
    metadata: { seed: 42, by: "me" },
    url: args[0]!,
    flushMs: 5000,
  });
  run.scene({ kind: "plain", bounds: [0, 0, 10, 10] });
  run.image("front", "image/png", Uint8Array.of(1, 2, 3));
  run.image("top", { width: 2, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) });
  run.onParam("gain", () => run.log("gain is set"));
  run.events("traffic", { edge: ["a"], mean_speed: Float32Array.of(3), occupancy: [0.5] });
  run.log("begun");
  for (let n = 1; (await run.running()) && !run.stats.fenced; n++) {
    const gain = await run.phase("step", async () => run.params["gain"] as number);
    const points = { id: Uint32Array.of(1, 2), x: Float32Array.of(0, gain), y: [0, 5] };
    run.frame({ points }, { step: n, time_s: n / 10 });
    run.metrics({ n });
    run.status("info", String(n));
    await run.sleep(5);
  }
  const complete = await run.close();
  process.exit(run.stats.fenced ? 3 : complete ? 0 : 1);
}
