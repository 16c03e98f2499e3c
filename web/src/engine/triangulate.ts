/**
 * A simple polygon (no holes) cut into triangles by clipping ears. Quadratic in the number of corners, which is fine for
 * the outlines of crossings and buildings. Answers indexes of corners, three per triangle.
 */
export function triangulate(path: readonly number[]): number[] {
  const count = path.length / 2;
  const corners: number[] = [];
  const clockwise = area(path) < 0;
  for (let i = 0; i < count; i++) corners.push(clockwise ? count - 1 - i : i);
  const triangles: number[] = [];
  // A polygon that crosses itself may have no ear left: then whatever is left stays empty.
  let misses = 0;
  let at = 0;
  while (corners.length > 3 && misses < corners.length) {
    const n = corners.length;
    const a = corners[(at + n - 1) % n] ?? 0;
    const b = corners[at % n] ?? 0;
    const c = corners[(at + 1) % n] ?? 0;
    if (isEar(path, corners, a, b, c)) {
      triangles.push(a, b, c);
      corners.splice(at % n, 1);
      misses = 0;
    } else {
      at++;
      misses++;
    }
    at %= corners.length;
  }
  if (corners.length === 3) triangles.push(...corners);
  return triangles;
}

function isEar(
  path: readonly number[],
  corners: readonly number[],
  a: number,
  b: number,
  c: number,
): boolean {
  if (cross(path, a, b, c) <= 0) return false;
  return corners.every(
    (p) =>
      p === a ||
      p === b ||
      p === c ||
      cross(path, a, b, p) < 0 ||
      cross(path, b, c, p) < 0 ||
      cross(path, c, a, p) < 0,
  );
}

/** Twice the signed area of a triangle: positive when it turns left. */
function cross(path: readonly number[], a: number, b: number, c: number): number {
  const ax = path[2 * a] ?? 0;
  const ay = path[2 * a + 1] ?? 0;
  return (
    ((path[2 * b] ?? 0) - ax) * ((path[2 * c + 1] ?? 0) - ay) -
    ((path[2 * b + 1] ?? 0) - ay) * ((path[2 * c] ?? 0) - ax)
  );
}

function area(path: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < path.length; i += 2) {
    const j = (i + 2) % path.length;
    sum += (path[i] ?? 0) * (path[j + 1] ?? 0) - (path[j] ?? 0) * (path[i + 1] ?? 0);
  }
  return sum;
}
