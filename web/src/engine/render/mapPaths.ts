/** The scene's map for the drawing tiers that know paths: path strings in world units, and the colour of each line. */
import type { SceneMesh } from '../sceneMesh';
import { blend, colourOf, css, type ScenePalette } from './palette';

export function pathOf(points: readonly number[], closed: boolean): string {
  let d = '';
  for (let i = 0; i < points.length; i += 2) {
    d += `${i === 0 ? 'M' : 'L'}${round(points[i])} ${round(points[i + 1])}`;
  }
  return closed ? `${d}Z` : d;
}

export function areasPath(mesh: SceneMesh): string {
  return mesh.areaPaths.map((points) => pathOf(points, true)).join('');
}

/** CSS colours of the mesh's paths: the road's, tinted by its mean speed where that is known. */
export function lineColours(
  mesh: SceneMesh,
  speeds: Float32Array,
  speedMax: number,
  palette: ScenePalette,
): string[] {
  return mesh.linePaths.map(({ line }) => {
    const speed = speeds[line] ?? -1;
    if (speed < 0) return css(palette.road);
    return css(blend(palette.road, colourOf(palette, -1, speed / speedMax), palette.roadTint));
  });
}

/** A line never gets thinner than a pixel and a half. */
export function strokeWidth(width: number, scale: number): number {
  return Math.max(width, 1.5 / scale);
}

function round(value: number | undefined): number {
  return Math.round((value ?? 0) * 100) / 100;
}
