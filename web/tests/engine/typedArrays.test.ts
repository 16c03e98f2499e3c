import { expect, test } from 'vitest';
import { holds, readArray, readNumbers, storageFor, WireError } from '../../src/engine/typedArrays';
import type { Dtype } from '../../src/protocol/messages';
import { unaligned, wire } from '../helpers';

const DTYPES: Dtype[] = ['u1', 'i1', 'u2', 'i2', 'u4', 'i4', 'f4', 'f8'];

test.each(DTYPES)('%s is read at any alignment', (dtype) => {
  const array = wire(dtype, [1, 2, 100]);
  expect([...readArray(array)]).toEqual([1, 2, 100]);
  expect([...readArray(unaligned(array))]).toEqual([1, 2, 100]);
});

test('an unknown dtype and a torn element are refused', () => {
  expect(() => readArray({ dtype: 'c8' as Dtype, data: new Uint8Array(8) })).toThrow(WireError);
  expect(() => readArray({ dtype: 'f4', data: new Uint8Array(6) })).toThrow(WireError);
});

test('storage holds a dtype only if no value would change', () => {
  expect(holds(storageFor('i2', 1), 'i4')).toBe(true);
  expect(holds(storageFor('u4', 1), 'i1')).toBe(false);
  expect(holds(storageFor('i4', 1), 'u4')).toBe(false);
  expect(holds(storageFor('f4', 1), 'f8')).toBe(false);
  expect(holds(storageFor('f8', 1), 'u4')).toBe(true);
});

test('a column of a scene may be typed, scaled or a plain list', () => {
  expect([...readNumbers([1, 2.5])]).toEqual([1, 2.5]);
  expect([...readNumbers({ ...wire('u1', [0, 4]), scale: 0.5, origin: 10 })]).toEqual([10, 12]);
  expect([...readNumbers(undefined)]).toEqual([]);
});
