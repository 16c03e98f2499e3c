/** The messages of `lanecast.v1`, as the gateway and the page exchange them. Types only. */
import type { Offset } from './offsets';

export const SUBPROTOCOL = 'lanecast.v1';

export type RunState = 'created' | 'running' | 'paused' | 'stopping' | 'ended' | 'lost';
export type ParamValue = number | boolean | string;

export interface Param {
  type: 'float' | 'int' | 'bool' | 'choice';
  value?: ParamValue | null;
  min?: number | null;
  max?: number | null;
  step?: number | null;
  unit?: string | null;
  title?: string | null;
  choices?: string[] | null;
}

export interface Control {
  paused: boolean;
  stopping: boolean;
  params: Record<string, ParamValue>;
}

export interface ColumnSchema {
  dtype?: string;
  unit?: string | null;
}

export interface RunInfo {
  id: string;
  title?: string | null;
  kind?: string | null;
  state: RunState;
  metadata?: Record<string, ParamValue>;
  params?: Record<string, Param>;
  control?: Partial<Control>;
  layers?: Record<string, { columns?: Record<string, ColumnSchema> }>;
  scene?: string | null;
  producer?: string | null;
  created_ms?: number;
  updated_ms?: number;
  epoch?: string | number | null;
  /** What the worker limits for everybody; level 0: nothing. */
  quality?: Quality | null;
}

export interface Quality {
  level: number;
  /** Frames per second of every tier that is rendered. */
  tiers: Record<string, number>;
  reason: string;
}

export type Dtype = 'u1' | 'i1' | 'u2' | 'i2' | 'u4' | 'i4' | 'f4' | 'f8';

export interface WireArray {
  dtype: Dtype;
  data: Uint8Array;
}

export interface WireColumn extends WireArray {
  scale?: number | null;
  origin?: number | null;
  values?: string[] | null;
}

export interface WireSet extends WireColumn {
  mode: 'abs' | 'diff';
  rows?: WireArray | null;
}

export interface WireKeyLayer {
  rows: number;
  columns: Record<string, WireColumn>;
  names?: string[] | null;
  /** The tier shows square cells of this side (scene units) instead of entities. */
  lod?: { cell: number } | null;
}

export interface WireDeltaLayer {
  rows: number;
  drop?: WireArray | null;
  add?: { columns: Record<string, WireColumn>; names?: string[] | null } | null;
  set?: Record<string, WireSet> | null;
}

export interface Hops {
  pub_ms?: number | null;
  in_ms?: number | null;
  out_ms?: number | null;
}

/** The name of a stream epoch; compared for equality only. */
export type Epoch = string | number;

export interface FrameMessage {
  type: 'frame';
  run: string;
  tier: string;
  epoch: Epoch;
  offset: Offset;
  prev: Offset | null;
  key: boolean;
  /** How often the producer has begun; missing means 1. */
  life?: number;
  step: number;
  time_s: number;
  hops?: Hops | null;
  layers: Record<string, WireKeyLayer | WireDeltaLayer>;
  metrics?: Record<string, number> | null;
  phases?: Record<string, number> | null;
  /** In a keyframe: layers that the tier leaves out. */
  left_out?: string[] | null;
}

/** A camera's picture; the newest of each camera is all that counts. */
export interface ImageMessage {
  type: 'image';
  run: string;
  tier: string;
  epoch: Epoch;
  offset: Offset;
  camera: string;
  mime: string;
  width?: number | null;
  height?: number | null;
  step?: number | null;
  time_s: number;
  hops?: Hops | null;
  skipped?: number | null;
  data: Uint8Array;
}

interface Lossless {
  run: string;
  offset: Offset | null;
  prev: Offset | null;
}

export type Level = 'info' | 'warning' | 'error' | 'complete';

export interface RunMessage extends Lossless {
  type: 'run';
  info: RunInfo;
}
export interface StatusMessage extends Lossless {
  type: 'status';
  level: Level;
  text: string;
  time_s?: number | null;
  at_ms?: number | null;
}
export interface ControlStateMessage extends Lossless, Control {
  type: 'control_state';
}
export interface ResultMessage extends Lossless {
  type: 'result';
  command_id: string;
  name?: string | null;
  ok: boolean;
  error?: string | null;
  field?: string | null;
}
export type LosslessMessage = RunMessage | StatusMessage | ControlStateMessage | ResultMessage;

export interface WelcomeMessage {
  type: 'welcome';
  protocol?: string;
  node?: string;
  role?: string | null;
  server_ms?: number;
  auth?: boolean;
  limits?: Record<string, unknown>;
}
export interface SubscribedMessage {
  type: 'subscribed';
  run: string;
  tier: string;
  epoch: Epoch;
  offset: Offset | null;
  recovered: boolean;
  info: RunInfo;
}
export interface NoticeMessage {
  type: 'notice';
  run?: string | null;
  text: string;
  skipped?: number | null;
}
export interface ErrorMessage {
  type: 'error';
  code: string | number;
  message: string;
  field?: string | null;
  run?: string | null;
  command_id?: string | null;
}
export interface PongMessage {
  type: 'pong';
  t: number;
  server_ms: number;
}

export type GatewayMessage =
  | WelcomeMessage
  | SubscribedMessage
  | FrameMessage
  | ImageMessage
  | LosslessMessage
  | NoticeMessage
  | ErrorMessage
  | PongMessage;

export type CommandName = 'pause' | 'resume' | 'stop' | 'step' | 'set_params';

export type ViewerMessage =
  | { type: 'auth'; token: string }
  | {
      type: 'subscribe';
      run: string;
      tier: string;
      /** Missing: all layers. */
      layers?: readonly string[];
      /** Missing: camera pictures come. */
      images?: boolean;
      epoch?: Epoch;
      offset?: Offset;
    }
  | { type: 'unsubscribe'; run: string }
  | {
      type: 'command';
      run: string;
      command_id: string;
      name: CommandName;
      args: Record<string, unknown>;
    }
  | { type: 'keyframe'; run: string }
  | { type: 'ping'; t: number }
  | {
      type: 'report';
      run: string;
      fps: number;
      dropped: number;
      decode_ms: number;
      age_ms: number;
    };
