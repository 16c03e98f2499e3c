import { expect, test } from 'vitest';
import { xRange } from '../../src/ui/chart';

test('the time axis ends at the newest point and spans some seconds at least', () => {
  expect(xRange(25_200, 25_200)).toEqual([25_190, 25_200]);
  expect(xRange(25_000, 25_200)).toEqual([25_000, 25_200]);
  expect(xRange(null, null)).toEqual([0, 10]);
});
