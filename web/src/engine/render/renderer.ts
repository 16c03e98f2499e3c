/**
 * The contract of a drawing tier. SVG, Canvas 2D and WebGL2 keep it; `drawingTier.ts` says which one draws when.
 *
 * The engine uploads a layer when a frame has come and draws whenever something moves. A renderer keeps what it was given
 * until it is given something else, and draws nothing on its own. After a lost context `restore` builds all GPU objects
 * again; the engine then uploads everything once more.
 */
import type { ThemeName } from '../bridge';
import type { Camera } from '../camera';
import type { DrawingTier } from '../drawingTier';
import type { DrawList } from '../drawList';
import type { LineList } from '../lineList';
import type { SceneMesh } from '../sceneMesh';

export interface View {
  camera: Camera;
  /** Canvas size in CSS pixels, and device pixels per CSS pixel. */
  width: number;
  height: number;
  ratio: number;
  /** Progress of the move to the newest poses, 0..1. */
  alpha: number;
  /** Velocity arrows of what moves. */
  vectors: boolean;
  /** The end of the speed scale, m/s. */
  speedMax: number;
  /** Layers in drawing order. */
  layers: readonly string[];
  /** Line lists under and over the layers, in drawing order. */
  under: readonly string[];
  over: readonly string[];
  /** Simpler shapes. */
  simple: boolean;
  /** Every n-th entity of a layer is drawn. */
  stride: number;
  selected: { layer: string; row: number } | null;
}

export interface Renderer {
  readonly name: string;
  readonly tier: DrawingTier;
  /** The processor draws in place of a graphics card: many fine shapes are beyond it, and need not be tried. */
  readonly software?: boolean;
  setTheme(theme: ThemeName): void;
  setScene(mesh: SceneMesh | null): void;
  /** Speed per line of the scene, m/s; negative where unknown. */
  setEdgeSpeeds(speeds: Float32Array): void;
  setLayer(name: string, list: DrawList): void;
  removeLayer(name: string): void;
  /** `list` null: there are no such lines any more. */
  setLines(name: string, list: LineList | null): void;
  draw(view: View): void;
  restore(): void;
  dispose(): void;
}

/** Fewer entities than this are always drawn in full: the machine that cannot do that has other troubles. */
const ALWAYS_DRAWN = 2000;

/** Whether a layer with `count` entities is drawn in simpler shapes. */
export function simpleFor(view: View, count: number): boolean {
  return view.simple && count > ALWAYS_DRAWN;
}

/** Every how manieth entity of a layer with `count` of them is drawn. */
export function strideFor(view: View, count: number): number {
  return count > ALWAYS_DRAWN ? view.stride : 1;
}
