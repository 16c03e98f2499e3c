/**
 * What passes between the page and its engine (a Web Worker). The engine owns the socket, the state and the canvas; the
 * page gets summaries about ten times a second, and never an array of entities.
 */
import type {
  CommandName,
  Control,
  Epoch,
  Level,
  ResultMessage,
  RunInfo,
} from '../protocol/messages';
import type { DrawingChoice, DrawingTier } from './drawingTier';
import type { ColourBy, LayerRole } from './layerStyle';
import type { Label } from './labels';
import type { SvgPicture } from './render/svgPicture';
import type { Arrival, LinkState } from './session';

export type ThemeName = 'light' | 'dark';

export type ToEngine =
  | {
      type: 'start';
      width: number;
      height: number;
      ratio: number;
      socketUrl: string;
      apiUrl: string;
      token: string | null;
      theme: ThemeName;
    }
  | { type: 'token'; token: string | null }
  /** `images`: whether camera pictures are wanted. */
  | { type: 'watch'; run: string | null; tier: string; images: boolean }
  /** The list of runs has this one. */
  | { type: 'appeared'; run: string }
  | { type: 'retry' }
  /** The machine has a network again. */
  | { type: 'online' }
  | { type: 'command'; run: string; commandId: string; name: CommandName; args: CommandArgs }
  | { type: 'resize'; width: number; height: number; ratio: number }
  /** The answer to `surface-wanted`; `canvas` is null for the tier svg, and where the browser cannot draw off-screen. */
  | { type: 'surface'; tier: DrawingTier; serial: number; canvas: OffscreenCanvas | null }
  /** The scene's element is a new one: what was drawn on is gone. */
  | { type: 'remount' }
  | ({ type: 'drawing' } & Partial<DrawingOptions>)
  /** Where to draw the minimap, in CSS pixels; null: nowhere any more. */
  | {
      type: 'minimap';
      canvas: OffscreenCanvas | null;
      width: number;
      height: number;
      ratio: number;
    }
  /** The minimap was clicked there: bring that place to the middle of the scene. */
  | { type: 'minimap-go'; x: number; y: number }
  /** Looks at a moment of the history, or at the present again. */
  | { type: 'look'; to: LookTo }
  | { type: 'trails'; on: boolean }
  | { type: 'theme'; theme: ThemeName }
  | { type: 'pan'; dx: number; dy: number }
  | { type: 'zoom'; x: number; y: number; factor: number }
  | { type: 'fit' }
  | { type: 'click'; x: number; y: number }
  | { type: 'select'; layer: string | null; id: number }
  | { type: 'step-selection'; by: 1 | -1 }
  | { type: 'follow'; on: boolean }
  | { type: 'vectors'; on: boolean }
  | { type: 'colour'; by: ColourBy }
  | { type: 'layer-visible'; layer: string; visible: boolean }
  /** The part of the entity table that is in sight; null: the table is shut. */
  | { type: 'table'; wish: TableWish | null }
  /** Answered by `found`. */
  | { type: 'find'; query: string; limit: number };

/** A moment to look at: by its number, by so many frames from the one that is shown, the oldest; or the present. */
export type LookTo = 'live' | 'first' | { seq: number } | { by: number };

/** What can be looked back to. Frames are numbered; the numbers keep their meaning while old ones go. */
export interface HistorySummary {
  first: number;
  last: number;
  /** Simulation times of the first and the last. */
  fromS: number;
  toS: number;
  /** The frame that is looked at; null: the present. */
  at: number | null;
  /** Simulation seconds between what is looked at and the present. */
  behindS: number;
  /** The present, whatever is looked at. */
  live: { timeS: number; metrics: Readonly<Record<string, number>>; metricsVersion: number };
}

export interface TableWish {
  /** Null: the first layer that has entities. */
  layer: string | null;
  /** The first row wanted, and how many. */
  from: number;
  rows: number;
}

/** Rows of one layer in the order of their ids, as they were at one moment. Comes at most twice a second. */
export interface TableWindow {
  layer: string | null;
  /** The layers that have a table. */
  layers: readonly string[];
  total: number;
  from: number;
  columns: readonly { name: string; unit: string | null }[];
  rows: readonly TableRow[];
}

export interface TableRow {
  id: number;
  name: string;
  cells: readonly (number | string)[];
}

export interface EntityMatch {
  layer: string;
  id: number;
  name: string;
}

/** The entities of a layer by the value of one column of words, such as `module` or `type`. */
export interface GroupSummary {
  column: string;
  /** Most frequent first; `index` is the value's place in the palette of types. */
  values: readonly { value: string; count: number; index: number }[];
}

export type CommandArgs = Record<string, unknown>;

/** How the scene is drawn; what a message leaves out stays as it was. */
export interface DrawingOptions {
  /** `auto`: by the number of things to draw. */
  tier: DrawingChoice;
  /** Pictures a second at most; null: as often as the screen is refreshed. */
  maxFps: number | null;
  /** A move of less than so many pixels is not worth another picture. */
  thresholdPx: number;
}

export interface LinkSummary {
  state: LinkState;
  attempt: number;
  /** Milliseconds until the next attempt, while reconnecting. */
  retryInMs: number | null;
  closeCode: number | null;
  cause: string | null;
  remedy: string | null;
  /** Only a new token helps. */
  needsToken: boolean;
  role: string | null;
  node: string | null;
}

export interface LayerSummary {
  name: string;
  role: LayerRole;
  rows: number;
  visible: boolean;
  /** Whether it comes; one that is switched off does not. */
  sent: boolean;
  /** Whether entities of this layer can be coloured in this way. */
  colours: readonly ColourBy[];
  groups?: GroupSummary | null;
  /** Side of the cells that the tier shows instead of entities, in scene units; null: entities. */
  cell: number | null;
}

/** One entry of the legend of types: its name, its number in the palette, and the colour as CSS. */
export interface TypeSummary {
  name: string;
  index: number;
  colour: string;
}

export interface SelectionSummary {
  layer: string;
  id: number;
  name: string;
  /** False once it has left the simulation. */
  present: boolean;
  fields: readonly { name: string; value: number | string; unit: string | null }[];
}

export interface Spread {
  median: number;
  p95: number;
}

export interface HopSummary {
  name: string;
  ms: number;
}

export interface Summary {
  run: string | null;
  link: LinkSummary;
  /** Whether a frame of this run has come since it was chosen. */
  hasFrame: boolean;
  epoch: Epoch | null;
  tier: string | null;
  /** Time and step of the newest drawn frame. */
  timeS: number;
  step: number;
  /** Milliseconds since the newest frame was published, as far as the clocks are known. */
  ageMs: number | null;
  staleAfterMs: number;
  /** Milliseconds since the newest frame reached this page. */
  silentMs: number | null;
  rttMs: number | null;
  fps: number;
  bytesPerS: number;
  framesPerS: number;
  /** Frames that never reached the screen: skipped by the gateway or refused here. */
  dropped: number;
  /** Frames that the gateway has skipped in the last seconds because this connection is too slow. */
  skipped: number;
  decodeMs: number;
  /** Milliseconds between refreshes, over the last ten seconds or so; null before the first. */
  refreshMs: Spread | null;
  /** Milliseconds from the publication of a frame to the first picture of it, as far as the clocks are known. */
  paintedMs: Spread | null;
  /** What can be looked back to; null: nothing yet. */
  history: HistorySummary | null;
  framesDrawn: number;
  entitiesDrawn: number;
  hops: readonly HopSummary[];
  /** Raised whenever metrics have come. */
  metricsVersion: number;
  metrics: Readonly<Record<string, number>>;
  phases: Readonly<Record<string, number>>;
  layers: readonly LayerSummary[];
  selection: SelectionSummary | null;
  follow: boolean;
  vectors: boolean;
  colour: ColourBy;
  /** CSS pixels per metre. */
  scale: number;
  /** The end of the speed scale, m/s; null while nothing is coloured by speed. */
  speedMax: number | null;
  /** What colours stand for while entities are coloured by type; empty otherwise. */
  types: readonly TypeSummary[];
  trails: boolean;
  /** Layers that the tier leaves out. */
  leftOut: readonly string[];
  /** How much detail is left out to keep up: 0 nothing, up to 3. */
  detail: number;
  scene: SceneStatus;
  renderer: RendererStatus;
}

export type SceneStatus =
  | { state: 'none' }
  | { state: 'loading' }
  | { state: 'ready'; lines: number }
  | { state: 'failed'; cause: string };

export type RendererStatus =
  /** `note` says why it is not what was chosen, null if it is. */
  | { state: 'ready'; name: string; tier: DrawingTier; note: string | null }
  /** Nothing to draw has come yet. */
  | { state: 'starting' }
  | { state: 'lost' }
  | { state: 'unsupported'; cause: string };

export type FromEngine =
  | { type: 'summary'; summary: Summary }
  | { type: 'info'; info: RunInfo }
  | { type: 'control'; run: string; control: Control }
  | { type: 'result'; result: ResultMessage }
  /** The scene is drawn on another surface from now on: make one, keep the old until `surface-drawn`. */
  | { type: 'surface-wanted'; tier: DrawingTier; serial: number }
  | { type: 'surface-drawn'; serial: number }
  | { type: 'svg'; picture: SvgPicture }
  | { type: 'labels'; labels: readonly Label[] }
  | { type: 'image'; image: CameraImage }
  | { type: 'command-refused'; commandId: string; error: string; field: string | null }
  | { type: 'arrival'; run: string; arrival: Arrival; info: RunInfo }
  | { type: 'table'; window: TableWindow }
  | { type: 'found'; query: string; matches: readonly EntityMatch[] }
  | { type: 'log'; level: Level; text: string; timeS: number | null; atMs: number; source: string };

/** A camera's newest picture, decoded. The page owns the bitmap and closes it. */
export interface CameraImage {
  run: string;
  camera: string;
  bitmap: ImageBitmap;
  step: number | null;
  timeS: number;
  /** How old it was when it was decoded, as far as the clocks are known. */
  ageMs: number | null;
  /** Pictures of this camera that nobody saw, since the run was chosen. */
  skipped: number;
}
