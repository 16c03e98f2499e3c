// AssemblyScript: the loop over all entities that runs with every frame. `src/engine/workspace.ts` has the same in
// TypeScript, and says what it does; the tests run both.

const FLOATS: usize = 12;
const TURN: f32 = 6.283185307179586;
const HALF_TURN: f32 = 3.141592653589793;

// out: longest move, x0, y0, x1, y1 as f64.
export function join(
  rows: i32,
  from: usize,
  texels: usize,
  old: usize,
  alpha: f32,
  elapsedS: f32,
  out: usize,
): void {
  let x0: f32 = Infinity;
  let y0: f32 = Infinity;
  let x1: f32 = -Infinity;
  let y1: f32 = -Infinity;
  let longest: f32 = 0;
  const waited: f32 = max<f32>(elapsedS, 0);
  for (let row = 0; row < rows; row++) {
    const at = texels + ((<usize>row * FLOATS) << 2);
    const toX = load<f32>(at, 8);
    const toY = load<f32>(at, 12);
    x0 = min<f32>(x0, toX);
    x1 = max<f32>(x1, toX);
    y0 = min<f32>(y0, toY);
    y1 = max<f32>(y1, toY);
    const source = load<i32>(from + ((<usize>row) << 2));
    if (source < 0) continue;
    const was = old + ((<usize>source * FLOATS) << 2);
    const wasX = load<f32>(was);
    const wasY = load<f32>(was, 4);
    const x = wasX + (load<f32>(was, 8) - wasX) * alpha;
    const y = wasY + (load<f32>(was, 12) - wasY) * alpha;
    const dx = toX - x;
    const dy = toY - y;
    const distance = sqrt<f32>(dx * dx + dy * dy);
    const speed = load<f32>(at, 24);
    if (speed >= 0) {
      const fastest = max<f32>(max<f32>(speed, load<f32>(was, 24)), 1);
      if (distance > 20 + 4 * fastest * waited) continue;
    }
    const wasAngle = load<f32>(was, 16);
    const angle = wasAngle + (load<f32>(was, 20) - wasAngle) * alpha;
    let turn = load<f32>(at, 20) - angle;
    if (turn > HALF_TURN || turn < -HALF_TURN) turn -= TURN * nearest<f32>(turn / TURN);
    store<f32>(at, x);
    store<f32>(at, y, 4);
    store<f32>(at, angle, 16);
    store<f32>(at, angle + turn, 20);
    longest = max<f32>(longest, distance + abs<f32>(turn) * load<f32>(at, 32) * 0.5);
  }
  store<f64>(out, <f64>longest);
  store<f64>(out, <f64>x0, 8);
  store<f64>(out, <f64>y0, 16);
  store<f64>(out, <f64>x1, 24);
  store<f64>(out, <f64>y1, 32);
}
