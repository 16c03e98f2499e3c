/** Brings the mean speeds of a layer of road edges onto the lines of the scene. */
import type { Layer } from './layerStore';

/** Line indexes by id, and by the edge that a lane belongs to (`edge_2` is lane 2 of `edge`). */
export function linesByEdge(lineIds: readonly string[]): Map<string, number[]> {
  const lines = new Map<string, number[]>();
  const add = (id: string, line: number): void => {
    const known = lines.get(id);
    if (known === undefined) lines.set(id, [line]);
    else known.push(line);
  };
  lineIds.forEach((id, line) => {
    add(id, line);
    const edge = id.replace(/_\d+$/, '');
    if (edge !== id) add(edge, line);
  });
  return lines;
}

/** Speed per line, m/s, -1 where nothing is known; and the highest of them. */
export function edgeSpeeds(
  layer: Layer,
  lines: ReadonlyMap<string, readonly number[]>,
  lineCount: number,
): { speeds: Float32Array; max: number } {
  const speeds = new Float32Array(lineCount).fill(-1);
  const column = layer.columns.get('mean_speed');
  let max = 0;
  if (column === undefined || layer.names === null) return { speeds, max };
  for (let row = 0; row < layer.rows; row++) {
    const speed = column.origin + column.scale * (column.data[row] ?? 0);
    if (!(speed >= 0)) continue;
    for (const line of lines.get(layer.names[row] ?? '') ?? []) speeds[line] = speed;
    if (speed > max) max = speed;
  }
  return { speeds, max };
}
