import { expect, test } from 'vitest';
import {
  aged,
  answered,
  asked,
  cleared,
  settleAfterGap,
  type ParamChanges,
} from '../../src/state/paramState';

const PENDING: ParamChanges = asked({}, 'demand', 2, 'c1', 1000);

test('a change is pending until its own command is answered', () => {
  expect(PENDING['demand']?.phase).toBe('pending');
  expect(answered(PENDING, 'other', true, null, 1100)).toBe(PENDING);
  expect(answered(PENDING, 'c1', true, null, 1100)['demand']?.phase).toBe('ok');
});

test('a rejection keeps its reason until the field is edited again', () => {
  const rejected = answered(PENDING, 'c1', false, 'Too much.', 1100);
  expect(rejected['demand']).toMatchObject({ phase: 'rejected', error: 'Too much.' });
  expect(aged(rejected, 999_999)).toBe(rejected);
  expect(cleared(rejected, 'demand')['demand']?.phase).toBe('idle');
});

test('a newer change of the same parameter is not settled by the older answer', () => {
  const newer = asked(PENDING, 'demand', 3, 'c2', 1050);
  expect(answered(newer, 'c1', true, null, 1100)['demand']?.phase).toBe('pending');
});

test('the mark of success fades', () => {
  const ok = answered(PENDING, 'c1', true, null, 1100);
  expect(aged(ok, 1200)).toBe(ok);
  expect(aged(ok, 9000)['demand']?.phase).toBe('idle');
});

test('a change that nobody answers fails in words', () => {
  expect(aged(PENDING, 5000)['demand']?.phase).toBe('pending');
  expect(aged(PENDING, 11_000)['demand']).toMatchObject({
    phase: 'rejected',
    error: 'No answer within 10 s.',
  });
});

test('after a gap the control state decides', () => {
  expect(settleAfterGap(PENDING, { demand: 2 }, 2000)['demand']?.phase).toBe('ok');
  expect(settleAfterGap(PENDING, { demand: 1 }, 2000)['demand']?.phase).toBe('rejected');
});
