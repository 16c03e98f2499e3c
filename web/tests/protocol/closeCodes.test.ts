import { expect, test } from 'vitest';
import { closeMeaning, retryMsFromReason } from '../../src/protocol/closeCodes';

test.each([
  [1000, 'never'],
  [1002, 'never'],
  [1007, 'never'],
  [1009, 'never'],
  [1012, 'resume'],
  [4400, 'never'],
  [4401, 'token'],
  [4403, 'never'],
  [4408, 'resume'],
  [4409, 'later'],
  [4410, 'token'],
  [4412, 'resume'],
  [4413, 'resume'],
  [4429, 'later'],
])('code %i says whether to come back: %s', (code, reconnect) => {
  expect(closeMeaning(code).reconnect).toBe(reconnect);
});

test('a code that the protocol does not list is a lost connection', () => {
  expect(closeMeaning(1006).reconnect).toBe('resume');
  expect(closeMeaning(1011).reconnect).toBe('resume');
});

test.each([
  ['{"retry_ms": 250}', 250],
  ['retry_ms=1200', 1200],
  ['restarting, retry_ms: 40', 40],
  ['restarting', null],
  ['', null],
])('the pause in the reason "%s" is %s', (reason, ms) => {
  expect(retryMsFromReason(reason)).toBe(ms);
});
