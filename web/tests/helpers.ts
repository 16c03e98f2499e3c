/** Builders for the wire's shapes, as a worker would write them. */
import type { Dtype, FrameMessage, RunInfo, WireArray } from '../src/protocol/messages';

const ARRAYS = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

export function wire(dtype: Dtype, values: readonly number[]): WireArray {
  return { dtype, data: new Uint8Array(ARRAYS[dtype].from(values).buffer) };
}

/** The same bytes at an odd place of a larger buffer, as they lie inside a MessagePack message. */
export function unaligned(array: WireArray): WireArray {
  const buffer = new Uint8Array(array.data.length + 3);
  buffer.set(array.data, 3);
  return { dtype: array.dtype, data: buffer.subarray(3) };
}

export function frame(overrides: Partial<FrameMessage> = {}): FrameMessage {
  return {
    type: 'frame',
    run: 'town',
    tier: 'high',
    epoch: 'e1',
    offset: '1-1',
    prev: null,
    key: true,
    step: 1,
    time_s: 0.1,
    layers: {},
    ...overrides,
  };
}

export function info(overrides: Partial<RunInfo> = {}): RunInfo {
  return {
    id: 'town',
    title: 'Town',
    kind: 'traffic',
    state: 'running',
    params: {},
    control: { paused: false, stopping: false, params: {} },
    layers: {},
    scene: null,
    epoch: 'e1',
    ...overrides,
  };
}
