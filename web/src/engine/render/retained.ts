/** What the tiers without shaders keep between pictures: the draw lists, the lines, the map and the theme. */
import type { ThemeName } from '../bridge';
import type { DrawList } from '../drawList';
import type { LineList } from '../lineList';
import type { SceneMesh } from '../sceneMesh';
import { lineColours } from './mapPaths';
import { PALETTES, type ScenePalette } from './palette';

export class Retained {
  palette: ScenePalette = PALETTES.dark;
  mesh: SceneMesh | null = null;
  readonly layers = new Map<string, DrawList>();
  readonly lines = new Map<string, LineList>();
  /** Raised when the map or how it looks has changed. */
  mapVersion = 0;
  coloursVersion = 0;
  private speeds: Float32Array = new Float32Array(0);

  setTheme(theme: ThemeName): void {
    this.palette = PALETTES[theme];
    this.mapVersion += 1;
    this.coloursVersion += 1;
  }

  setScene(mesh: SceneMesh | null): void {
    this.mesh = mesh;
    this.speeds = new Float32Array(0);
    this.mapVersion += 1;
    this.coloursVersion += 1;
  }

  setEdgeSpeeds(speeds: Float32Array): void {
    this.speeds = speeds;
    this.coloursVersion += 1;
  }

  setLayer(name: string, list: DrawList): void {
    this.layers.set(name, list);
  }

  removeLayer(name: string): void {
    this.layers.delete(name);
  }

  setLines(name: string, list: LineList | null): void {
    if (list === null) this.lines.delete(name);
    else this.lines.set(name, list);
  }

  get hasMap(): boolean {
    return this.mesh !== null && this.mesh.linePaths.length + this.mesh.areaPaths.length > 0;
  }

  mapColours(speedMax: number): string[] {
    return this.mesh === null ? [] : lineColours(this.mesh, this.speeds, speedMax, this.palette);
  }
}
