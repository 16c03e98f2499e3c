import { expect, test } from 'vitest';
import { appendLog, matches, type LogEntry } from '../../src/state/eventLog';
import {
  formatBytesPerS,
  formatMs,
  formatRate,
  formatSimTime,
  formatValue,
  humanise,
  scaleBar,
} from '../../src/state/format';
import { orderMetrics } from '../../src/state/metrics';
import { parseParam } from '../../src/state/paramInput';
import { hashForRuns, runsFromHash } from '../../src/state/route';

test.each([
  [0, '0:00.0'],
  [75.34, '1:15.3'],
  [0.3, '0:00.3'],
  [3700, '1:01:40.0'],
])('%f simulated seconds read %s', (seconds, text) => {
  expect(formatSimTime(seconds)).toBe(text);
});

test.each([
  [0.123456, '0.123'],
  [7.789, '7.79'],
  [122.43, '122.4'],
  [12345.6, '12,346'],
  [400, '400'],
  [null, '–'],
  [Number.NaN, '–'],
])('the value %s reads %s', (value, text) => {
  expect(formatValue(value)).toBe(text);
});

test.each([
  [0.02, '0.02 ms'],
  [4.26, '4.3 ms'],
  [640, '640 ms'],
  [2400, '2.4 s'],
  [200_000, '3 min'],
  [undefined, '–'],
])('%s milliseconds read %s', (ms, text) => {
  expect(formatMs(ms)).toBe(text);
});

test('rates and sizes are short', () => {
  expect(formatRate(9.97)).toBe('10');
  expect(formatRate(6.5)).toBe('6.5');
  expect(formatRate(0)).toBe('0');
  expect(formatBytesPerS(41_234)).toBe('41 KB/s');
  expect(formatBytesPerS(2_345_678)).toBe('2.3 MB/s');
  expect(humanise('mean_speed')).toBe('Mean speed');
});

test.each([
  [1, '100 m', 100],
  [0.01, '10 km', 100],
  [50, '2 m', 100],
  [400, '20 cm', 80],
])('at %f pixels a metre the scale bar is %s', (scale, label, px) => {
  const bar = scaleBar(scale, 120);
  expect(bar.label).toBe(label);
  expect(bar.px).toBeCloseTo(px);
});

test('known metrics come first and always in the same order', () => {
  expect(orderMetrics(['zeta', 'waiting', 'alpha', 'running'])).toEqual([
    'running',
    'waiting',
    'alpha',
    'zeta',
  ]);
});

test('a run is named in the address, whatever its id', () => {
  expect(runsFromHash(hashForRuns(['a.b_c-1', 'x+y']))).toEqual(['a.b_c-1', 'x+y']);
  expect(runsFromHash('#/run/x%2Fy+b+b+c+d+e')).toEqual(['x/y', 'b', 'c', 'd']);
  expect(runsFromHash('#/run/%E0%A4%A+b')).toEqual(['b']);
  expect(runsFromHash('')).toEqual([]);
});

test('typed text becomes a value of the parameter, or a reason why not', () => {
  const demand = { type: 'float', min: 0, max: 3, unit: 'veh/s' } as const;
  expect(parseParam(demand, '1.5')).toEqual({ ok: true, value: 1.5 });
  expect(parseParam(demand, '4')).toEqual({ ok: false, error: 'At most 3 veh/s.' });
  expect(parseParam(demand, '')).toEqual({ ok: false, error: 'Enter a number.' });
  expect(parseParam({ type: 'int' }, '1.5')).toEqual({ ok: false, error: 'Enter a whole number.' });
  expect(parseParam({ type: 'bool' }, 'true')).toEqual({ ok: true, value: true });
  expect(parseParam({ type: 'choice', choices: ['a'] }, 'b').ok).toBe(false);
});

const ENTRY = { level: 'info', text: 'x', timeS: null, atMs: 0, source: 'page' } as const;

test('the same event again only raises its count', () => {
  const log = appendLog(appendLog([], ENTRY), { ...ENTRY, atMs: 5 });
  expect(log).toHaveLength(1);
  expect(log[0]).toMatchObject({ times: 2, atMs: 5 });
});

test('the log keeps the newest entries', () => {
  let log: readonly LogEntry[] = [];
  for (let i = 0; i < 600; i++) log = appendLog(log, { ...ENTRY, text: `${i}` });
  expect(log).toHaveLength(500);
  expect(log.at(-1)?.text).toBe('599');
});

test('the filter for warnings lets errors through', () => {
  const error: LogEntry = { ...ENTRY, level: 'error', id: 1, times: 1 };
  expect(matches(error, 'warning')).toBe(true);
  expect(matches({ ...error, level: 'info' }, 'warning')).toBe(false);
  expect(matches({ ...error, level: 'info' }, 'all')).toBe(true);
});
