import { expect, test } from 'vitest';
import { compareOffsets } from '../../src/protocol/offsets';

test.each([
  ['3-9', '3-120', -1],
  ['3-120', '3-120', 0],
  ['10-0', '9-999', 1],
  ['1700000000000-2', '1700000000000-10', -1],
])('%s against %s is ordered by its numbers', (a, b, sign) => {
  expect(Math.sign(compareOffsets(a, b))).toBe(sign);
});
