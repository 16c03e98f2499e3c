/** The line lists of the layers: arrows of vectors, polylines, trails. Made with each frame, and kept by the renderer. */
import type { DrawList } from './drawList';
import type { Layer } from './layerStore';
import { pathLines, vectorLines, type LineList } from './lineList';
import { Trails } from './trails';

export class Overlays {
  trailsOn = false;
  vectorsOn = false;
  private readonly vectors = new Map<string, LineList>();
  private readonly paths = new Map<string, LineList>();
  private readonly trails = new Map<string, Trails>();

  /** A layer has been packed; `timeS` is null while it is no new moment of the simulation. */
  update(name: string, layer: Layer, list: DrawList, timeS: number | null): void {
    const before = this.vectors.get(name);
    const vectors = this.vectorsOn ? vectorLines(layer, list, before) : null;
    if (vectors === null) this.vectors.delete(name);
    else this.vectors.set(name, vectors);
    if (list.role === 'paths') this.paths.set(name, pathLines(layer, list));
    if (timeS !== null && this.trailsOn && list.role === 'entities' && list.cell === null) {
      let trails = this.trails.get(name);
      if (trails === undefined) {
        trails = new Trails();
        this.trails.set(name, trails);
      }
      trails.note(list, timeS);
    }
  }

  drop(name: string): void {
    this.vectors.delete(name);
    this.paths.delete(name);
    this.trails.delete(name);
  }

  clear(): void {
    this.vectors.clear();
    this.paths.clear();
    this.trails.clear();
  }

  setTrails(on: boolean): void {
    this.trailsOn = on;
    if (!on) this.trails.clear();
  }

  /** The lists of one layer by the names that the renderer knows them by; null: there is none (any more). */
  *of(name: string): Generator<[string, LineList | null]> {
    yield [`vectors ${name}`, this.vectors.get(name) ?? null];
    yield [`paths ${name}`, this.paths.get(name) ?? null];
    yield [`trails ${name}`, this.trails.get(name)?.lines() ?? null];
  }

  /** What lies under the layers, in drawing order. */
  under(visible: (layer: string) => boolean): string[] {
    return [...named('trails', this.trails, visible), ...named('paths', this.paths, visible)];
  }

  over(visible: (layer: string) => boolean): string[] {
    return named('vectors', this.vectors, visible);
  }
}

function named(
  kind: string,
  lists: ReadonlyMap<string, unknown>,
  visible: (layer: string) => boolean,
): string[] {
  return [...lists.keys()].filter((name) => visible(name)).map((name) => `${kind} ${name}`);
}
