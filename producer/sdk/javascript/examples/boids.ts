/** Boids: birds that keep together, keep apart and fly alike, on a square with open ends. */
import { Run } from "../src/index.js";

const SIDE = 200;
const COUNT = 300;
const DT = 0.1;

const run = Run.start("boids", {
  title: "Three hundred boids",
  params: {
    cohesion: { value: 0.02, min: 0, max: 0.2, step: 0.01, title: "Cohesion" },
    alignment: { value: 0.1, min: 0, max: 1, step: 0.05, title: "Alignment" },
    separation: { value: 0.6, min: 0, max: 2, step: 0.1, title: "Separation" },
    speed: { value: 12, min: 1, max: 40, unit: "m/s", title: "Speed" },
  },
});
process.on("SIGINT", () => run.interrupt());
run.scene({ kind: "plain", bounds: [0, 0, SIDE, SIDE] });

const id = Uint32Array.from({ length: COUNT }, (_, i) => i);
const x = Float32Array.from(id, () => Math.random() * SIDE);
const y = Float32Array.from(id, () => Math.random() * SIDE);
const vx = Float32Array.from(id, () => Math.random() - 0.5);
const vy = Float32Array.from(id, () => Math.random() - 0.5);
const speed = new Float32Array(COUNT);
const angle = new Float32Array(COUNT);

/** The shortest way from a to b on a line whose ends meet. */
const way = (a: number, b: number): number => ((b - a + SIDE * 1.5) % SIDE) - SIDE / 2;

function fly(): void {
  const { cohesion, alignment, separation, speed: wanted } = run.params as Record<string, number>;
  for (let i = 0; i < COUNT; i++) {
    let [near, cx, cy, ax, ay, sx, sy] = [0, 0, 0, 0, 0, 0, 0];
    for (let j = 0; j < COUNT; j++) {
      const dx = way(x[i]!, x[j]!);
      const dy = way(y[i]!, y[j]!);
      const d2 = dx * dx + dy * dy;
      if (i === j || d2 > 400) continue;
      near++;
      cx += dx;
      cy += dy;
      ax += vx[j]!;
      ay += vy[j]!;
      if (d2 < 25) {
        sx -= dx;
        sy -= dy;
      }
    }
    if (near > 0) {
      vx[i]! += (cx / near) * cohesion! + (ax / near - vx[i]!) * alignment! + sx * separation!;
      vy[i]! += (cy / near) * cohesion! + (ay / near - vy[i]!) * alignment! + sy * separation!;
    }
    const now = Math.hypot(vx[i]!, vy[i]!) || 1;
    vx[i]! *= wanted! / now;
    vy[i]! *= wanted! / now;
    speed[i] = wanted!;
    angle[i] = (Math.atan2(vy[i]!, vx[i]!) * 180) / Math.PI;
  }
  for (let i = 0; i < COUNT; i++) {
    x[i] = (x[i]! + vx[i]! * DT + SIDE) % SIDE;
    y[i] = (y[i]! + vy[i]! * DT + SIDE) % SIDE;
  }
}

for (let step = 1; await run.running(); step++) {
  const began = performance.now();
  fly();
  const time_s = step * DT;
  run.frame({ boids: { id, x, y, angle, speed } }, { step, time_s, phases: { fly: performance.now() - began } });
  if (step % 10 === 0) {
    const order = Math.hypot(vx.reduce((a, b) => a + b), vy.reduce((a, b) => a + b)) / speed.reduce((a, b) => a + b);
    run.metrics({ order });
  }
  await run.sleep(1000 / 30);
}
await run.close();
