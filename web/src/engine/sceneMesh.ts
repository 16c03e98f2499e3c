/**
 * The static scene as triangles, built once per scene version.
 *
 * A road keeps its centre line and its normal instead of finished corners: the vertex shader widens it, so that it stays
 * visible (at least a pixel and a half wide) however far one zooms out.
 */
import type { WireColumn } from '../protocol/messages';
import type { Bounds } from './camera';
import { triangulate } from './triangulate';
import { readNumbers } from './typedArrays';

export interface ScenePayload {
  kind?: string;
  bounds?: readonly number[];
  lines?: {
    points?: WireColumn | number[];
    starts?: WireColumn | number[];
    width?: WireColumn | number[];
    id?: string[];
  };
  areas?: { points?: WireColumn | number[]; starts?: WireColumn | number[] };
}

/** x, y, normal x, normal y (with the length of the mitre), half width in metres, index of the line. */
export const ROAD_FLOATS = 6;

export interface SceneMesh {
  /** The world point that all coordinates here are relative to (float32 is too coarse for map coordinates). */
  originX: number;
  originY: number;
  bounds: Bounds;
  roads: Float32Array;
  roadIndices: Uint32Array;
  areas: Float32Array;
  areaIndices: Uint32Array;
  lineIds: readonly string[];
  /** The same as paths, for the drawing tiers that know paths. */
  linePaths: readonly LinePath[];
  areaPaths: readonly (readonly number[])[];
}

export interface LinePath {
  /** Index of the line, as in `lineIds`. */
  line: number;
  width: number;
  /** x, y, x, y, … relative to the origin. */
  points: readonly number[];
}

const DEFAULT_WIDTH = 3.2;
/** A mitre longer than this is cut: sharp bends would grow spikes. */
const MITRE_LIMIT = 2;

export function buildSceneMesh(scene: ScenePayload): SceneMesh {
  const points = readNumbers(scene.lines?.points);
  const starts = readNumbers(scene.lines?.starts);
  const widths = readNumbers(scene.lines?.width);
  const areaPoints = readNumbers(scene.areas?.points);
  const areaStarts = readNumbers(scene.areas?.starts);
  const bounds = boundsOf(scene.bounds, points, areaPoints);
  const originX = (bounds[0] + bounds[2]) / 2;
  const originY = (bounds[1] + bounds[3]) / 2;

  const roads: number[] = [];
  const roadIndices: number[] = [];
  const linePaths: LinePath[] = [];
  eachPath(points, starts, originX, originY, (path, line) => {
    const width = widths[line] ?? DEFAULT_WIDTH;
    linePaths.push({ line, width, points: path });
    addRoad(path, width / 2, line, roads, roadIndices);
  });

  const areas: number[] = [];
  const areaIndices: number[] = [];
  const areaPaths: number[][] = [];
  eachPath(areaPoints, areaStarts, originX, originY, (path) => {
    areaPaths.push(path);
    const base = areas.length / 2;
    for (const index of triangulate(path)) areaIndices.push(base + index);
    areas.push(...path);
  });

  return {
    originX,
    originY,
    bounds,
    roads: Float32Array.from(roads),
    roadIndices: Uint32Array.from(roadIndices),
    areas: Float32Array.from(areas),
    areaIndices: Uint32Array.from(areaIndices),
    lineIds: scene.lines?.id ?? [],
    linePaths,
    areaPaths,
  };
}

/** Calls `visit` with each path's x, y, x, y, … relative to the origin, without repeated points. */
function eachPath(
  points: Float64Array,
  starts: Float64Array,
  originX: number,
  originY: number,
  visit: (path: number[], index: number) => void,
): void {
  const total = points.length >> 1;
  for (let i = 0; i < starts.length; i++) {
    const from = starts[i] ?? 0;
    const to = Math.min(starts[i + 1] ?? total, total);
    const path: number[] = [];
    for (let p = from; p < to; p++) {
      const x = (points[2 * p] ?? 0) - originX;
      const y = (points[2 * p + 1] ?? 0) - originY;
      const n = path.length;
      if (n > 0 && path[n - 2] === x && path[n - 1] === y) continue;
      path.push(x, y);
    }
    if (path.length >= 4) visit(path, i);
  }
}

function addRoad(
  path: readonly number[],
  halfWidth: number,
  line: number,
  vertices: number[],
  indices: number[],
): void {
  const count = path.length / 2;
  const base = vertices.length / ROAD_FLOATS;
  for (let i = 0; i < count; i++) {
    const x = path[2 * i] ?? 0;
    const y = path[2 * i + 1] ?? 0;
    const [nx, ny] = mitre(path, i, count);
    vertices.push(x, y, nx, ny, halfWidth, line, x, y, -nx, -ny, halfWidth, line);
    if (i > 0) {
      const v = base + 2 * i;
      indices.push(v - 2, v - 1, v, v, v - 1, v + 1);
    }
  }
}

/** The direction to the left edge at point `i`, long enough that both neighbouring segments keep their width. */
function mitre(path: readonly number[], i: number, count: number): [number, number] {
  const before = i > 0 ? direction(path, i - 1) : null;
  const after = i < count - 1 ? direction(path, i) : null;
  const [ax, ay] = before ?? after ?? [1, 0];
  const [bx, by] = after ?? before ?? [1, 0];
  const sumX = ax + bx;
  const sumY = ay + by;
  const length = Math.hypot(sumX, sumY);
  if (length < 1e-6) return [-ay, ax];
  const nx = -sumY / length;
  const ny = sumX / length;
  const cosine = nx * -ay + ny * ax;
  const reach = Math.min(1 / Math.max(cosine, 1e-3), MITRE_LIMIT);
  return [nx * reach, ny * reach];
}

function direction(path: readonly number[], i: number): [number, number] {
  const dx = (path[2 * i + 2] ?? 0) - (path[2 * i] ?? 0);
  const dy = (path[2 * i + 3] ?? 0) - (path[2 * i + 1] ?? 0);
  const length = Math.hypot(dx, dy) || 1;
  return [dx / length, dy / length];
}

function boundsOf(
  given: readonly number[] | undefined,
  ...pointSets: readonly Float64Array[]
): Bounds {
  if (given?.length === 4 && given.every(Number.isFinite)) return given as unknown as Bounds;
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const points of pointSets) {
    for (let i = 0; i + 1 < points.length; i += 2) {
      const x = points[i] ?? 0;
      const y = points[i + 1] ?? 0;
      x0 = Math.min(x0, x);
      y0 = Math.min(y0, y);
      x1 = Math.max(x1, x);
      y1 = Math.max(y1, y);
    }
  }
  return x0 <= x1 ? [x0, y0, x1, y1] : [0, 0, 1, 1];
}
