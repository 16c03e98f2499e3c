/**
 * The contract of a drawing tier. WebGL2 is the first; SVG and Canvas tiers for small scenes keep the same one.
 *
 * The engine uploads a layer when a frame has come and draws whenever something moves. A renderer keeps what it was given
 * until it is given something else, and draws nothing on its own. After a lost context `restore` builds all GPU objects
 * again; the engine then uploads everything once more.
 */
import type { ThemeName } from '../bridge';
import type { Camera } from '../camera';
import type { DrawList } from '../drawList';
import type { SceneMesh } from '../sceneMesh';

export interface View {
  camera: Camera;
  /** Canvas size in CSS pixels, and device pixels per CSS pixel. */
  width: number;
  height: number;
  ratio: number;
  /** Progress of the move to the newest poses, 0..1. */
  alpha: number;
  vectors: boolean;
  /** The end of the speed scale, m/s. */
  speedMax: number;
  /** Layers in drawing order. */
  layers: readonly string[];
  selected: { layer: string; row: number } | null;
}

export interface Renderer {
  readonly name: string;
  setTheme(theme: ThemeName): void;
  setScene(mesh: SceneMesh | null): void;
  /** Speed per line of the scene, m/s; negative where unknown. */
  setEdgeSpeeds(speeds: Float32Array): void;
  setLayer(name: string, list: DrawList): void;
  removeLayer(name: string): void;
  draw(view: View): void;
  restore(): void;
  dispose(): void;
}
