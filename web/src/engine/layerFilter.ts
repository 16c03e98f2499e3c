/**
 * Layers that a person has switched off: they are not asked for any more, and stay in the list to be switched on again. No I/O.
 */
import type { LayerSummary } from './bridge';
import type { RunView } from './runView';

export class LayerFilter {
  /** How the layers were when they were switched off. */
  private readonly off = new Map<string, LayerSummary>();

  /** The layer is being switched off or on: notes how it is. */
  note(layer: LayerSummary): void {
    this.off.set(layer.name, layer);
  }

  /** What to ask for: null for everything, as long as nothing is hidden. */
  wanted(hidden: ReadonlySet<string>, { chain, info }: RunView): string[] | null {
    if (hidden.size === 0) return null;
    const known = [
      ...chain.layers.keys(),
      ...chain.leftOut,
      ...Object.keys(info?.layers ?? {}),
      ...this.off.keys(),
    ];
    return [...new Set(known)].filter((name) => !hidden.has(name)).toSorted();
  }

  /**
   * The layers that come, and those that do not because they are off (or were, and are still on their way). Entities first, then
   * by name, so that none changes its place.
   */
  complete(layers: readonly LayerSummary[], hidden: ReadonlySet<string>): LayerSummary[] {
    const missing = [...this.off.values()]
      .filter(({ name }) => !layers.some((layer) => layer.name === name))
      .map((layer) => Object.assign({}, layer, { visible: !hidden.has(layer.name), sent: false }));
    return [...layers, ...missing].toSorted(
      (a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1),
    );
  }

  clear(): void {
    this.off.clear();
  }
}

function rank({ role }: LayerSummary): number {
  return role === 'entities' ? 0 : 1;
}
