/** Names beside entities, as long as there are few of them in view. */
import { toScreen, type Camera, type Size } from './camera';
import type { DrawList } from './drawList';
import type { Layer } from './layerStore';

export interface Label {
  text: string;
  /** CSS pixels from the scene's top left corner. */
  x: number;
  y: number;
}

const MOST = 40;
/** Labels nearer to one another than this would be unreadable. */
const WIDTH_PX = 44;
const HEIGHT_PX = 14;
const BESIDE_PX = 8;

export interface Labelled {
  list: DrawList;
  layer: Layer;
}

/** The labels of what is in view; none at all if that is more than 40 entities. Overlapping ones are left out. */
export function labelsFor(
  shown: readonly Labelled[],
  camera: Camera,
  size: Size,
  alpha: number,
): Label[] {
  const found: Label[] = [];
  for (const { list, layer } of shown) {
    const counts = layer.columns.get('count');
    for (let row = 0; row < list.count; row++) {
      const at = toScreen(camera, size, list.pose(row, alpha));
      if (at.x < 0 || at.y < 0 || at.x > size.width || at.y > size.height) continue;
      if (found.length === MOST) return [];
      const text =
        counts === undefined
          ? (layer.names?.[row] ?? String(list.ids[row] ?? ''))
          : String(Math.round(counts.origin + counts.scale * (counts.data[row] ?? 0)));
      found.push({ text, x: Math.round(at.x + BESIDE_PX), y: Math.round(at.y - BESIDE_PX) });
    }
  }
  return apart(found);
}

function apart(labels: readonly Label[]): Label[] {
  const kept: Label[] = [];
  for (const label of labels) {
    const clash = kept.some(
      (other) => Math.abs(other.x - label.x) < WIDTH_PX && Math.abs(other.y - label.y) < HEIGHT_PX,
    );
    if (!clash) kept.push(label);
  }
  return kept;
}
