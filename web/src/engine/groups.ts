/** How many entities of a layer have each value of its column of words (`module`, `type`, ...). A pure function. */
import type { GroupSummary } from './bridge';
import type { Layer } from './layerStore';
import { typeColumn } from './layerStyle';

/** More values than this are names, not groups. */
const MOST = 24;

export function groupsOf(layer: Layer): GroupSummary | null {
  const column = layer.columns.get('module')?.values != null ? 'module' : typeColumn(layer);
  const data = column === null ? undefined : layer.columns.get(column);
  if (column === null || data === undefined || data.values === null) return null;
  const counts = new Uint32Array(data.values.length);
  for (let row = 0; row < layer.rows; row++) {
    const index = data.data[row] ?? 0;
    counts[index] = (counts[index] ?? 0) + 1;
  }
  const values = data.values
    .map((value, index) => ({ value, index, count: counts[index] ?? 0 }))
    .filter((group) => group.count > 0)
    .toSorted((a, b) => b.count - a.count || a.index - b.index);
  return { column, values: values.slice(0, MOST) };
}
