/**
 * Typed arrays as they come over the wire: little-endian bytes at any alignment.
 *
 * The bytes are read in place when they happen to be aligned and copied when not. Every browser runs on
 * little-endian machines, so the byte order needs no work.
 */
import type { Dtype, WireArray, WireColumn } from '../protocol/messages';

export type NumberArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

interface NumberArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumberArray;
}

const CONSTRUCTORS: Readonly<Record<Dtype, NumberArrayConstructor>> = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
};

/** The bytes on the wire are not what the protocol allows: the chain of frames is broken. */
export class WireError extends Error {
  override name = 'WireError';
}

/** Numbers of a wire array. Throws {@link WireError} for an unknown dtype or a torn element. */
export function readArray(wire: WireArray): NumberArray {
  const constructor = CONSTRUCTORS[wire.dtype];
  if (constructor === undefined) {
    throw new WireError(`expected a dtype such as u2 or f4, got ${String(wire.dtype)}`);
  }
  const { data } = wire;
  const size = constructor.BYTES_PER_ELEMENT;
  if (data.byteLength % size !== 0) {
    throw new WireError(`expected a multiple of ${size} bytes, got ${data.byteLength}`);
  }
  const length = data.byteLength / size;
  return data.byteOffset % size === 0
    ? new constructor(data.buffer, data.byteOffset, length)
    : new constructor(data.slice().buffer, 0, length);
}

/** What a column's stored numbers are kept in: integers in 32 bits (diffs are added there), floats as they are. */
export type Storage = Int32Array | Uint32Array | Float32Array | Float64Array;

export function storageFor(dtype: Dtype, capacity: number): Storage {
  switch (dtype) {
    case 'f8':
      return new Float64Array(capacity);
    case 'f4':
      return new Float32Array(capacity);
    case 'u4':
      return new Uint32Array(capacity);
    default:
      return new Int32Array(capacity);
  }
}

/** Whether every value of `dtype` can be stored in `storage` without being changed. */
export function holds(storage: Storage, dtype: Dtype): boolean {
  if (storage instanceof Float64Array) return true;
  switch (dtype) {
    case 'f8':
      return false;
    case 'f4':
      return storage instanceof Float32Array;
    case 'u4':
      return storage instanceof Uint32Array;
    case 'u1':
    case 'u2':
      return true;
    case 'i1':
    case 'i2':
      return !(storage instanceof Uint32Array);
    case 'i4':
      return storage instanceof Int32Array;
  }
}

/**
 * A scene's column as plain numbers: typed (with `scale` and `origin` applied), or a plain list, which is how a producer
 * without typed arrays writes it.
 */
export function readNumbers(column: WireColumn | readonly number[] | undefined): Float64Array {
  if (column === undefined) return new Float64Array(0);
  if (Array.isArray(column)) return Float64Array.from(column as readonly number[]);
  const wire = column as WireColumn;
  const scale = wire.scale ?? 1;
  const origin = wire.origin ?? 0;
  return Float64Array.from(readArray(wire), (stored) => origin + scale * stored);
}
