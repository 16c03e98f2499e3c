import { beforeEach, expect, test } from 'vitest';
import { MetricHistory } from '../../src/state/metricHistory';
import { currentParams, effectiveState, withControl } from '../../src/state/runState';
import {
  createDashboardStore,
  receive,
  selectRun,
  type DashboardStore,
} from '../../src/state/store';
import { info } from '../helpers';
import { summary } from './summaries';

let store: DashboardStore;

beforeEach(() => {
  store = createDashboardStore('dark');
  selectRun(store, 'town');
  receive(store, { type: 'arrival', run: 'town', arrival: 'first', info: info() }, 0);
});

function result(commandId: string, ok: boolean, error: string | null = null) {
  return {
    type: 'result',
    result: {
      type: 'result',
      run: 'town',
      offset: '1-1',
      prev: null,
      command_id: commandId,
      ok,
      error,
    },
  } as const;
}

test('a command waits for its own result', () => {
  store.setState({ command: { name: 'pause', commandId: 'c1', sinceMs: 0 } });
  receive(store, result('other', true), 10);
  expect(store.getState().command).not.toBeNull();
  receive(store, result('c1', true), 20);
  expect(store.getState().command).toBeNull();
  expect(store.getState().refusal).toBeNull();
});

test('a refused command says why, in sight and in the log', () => {
  store.setState({ command: { name: 'pause', commandId: 'c1', sinceMs: 0 } });
  receive(store, result('c1', false, 'Nobody listens.'), 20);
  expect(store.getState().refusal?.text).toBe('Could not pause: Nobody listens.');
  expect(store.getState().log.at(-1)?.level).toBe('error');
});

test('the failure of somebody else’s command is not shown as ours', () => {
  receive(store, result('theirs', false, 'No.'), 20);
  expect(store.getState().refusal).toBeNull();
  expect(store.getState().log).toHaveLength(0);
});

test('a command that nobody answers is given up', () => {
  store.setState({ command: { name: 'stop', commandId: 'c1', sinceMs: 0 } });
  receive(store, { type: 'summary', summary: summary() }, 10_500);
  expect(store.getState().command).toBeNull();
  expect(store.getState().refusal?.text).toContain('no answer');
});

test('the control state changes the shown state at once', () => {
  const control = { paused: true, stopping: false, params: { demand: 2 } };
  receive(store, { type: 'control', run: 'town', control }, 0);
  const after = store.getState().info;
  expect(after === null ? null : effectiveState(after)).toBe('paused');
});

test('messages of a run that is no longer looked at change nothing', () => {
  selectRun(store, 'harbour');
  receive(store, { type: 'info', info: info() }, 0);
  receive(store, { type: 'arrival', run: 'town', arrival: 'first', info: info() }, 0);
  expect(store.getState().info).toBeNull();
});

test('a run that is lost is told in the log', () => {
  receive(store, { type: 'info', info: info({ state: 'lost' }) }, 0);
  expect(store.getState().log.at(-1)).toMatchObject({ level: 'error' });
});

test('metrics of the watched run are remembered, others are not', () => {
  receive(store, { type: 'summary', summary: summary({ timeS: 1 }) }, 0);
  receive(store, { type: 'summary', summary: summary({ timeS: 2, run: 'other' }) }, 0);
  expect(store.getState().history.times).toEqual([1]);
});

test('what the simulation changes is told in the log, whoever asked for it', () => {
  const params = { demand: { type: 'float', value: 1, title: 'Demand' } } as const;
  receive(store, { type: 'info', info: info({ params }) }, 0);
  const control = { paused: true, stopping: false, params: { demand: 2 } };
  receive(store, { type: 'control', run: 'town', control }, 0);
  receive(store, { type: 'control', run: 'town', control }, 0);
  expect(store.getState().log.map((entry) => entry.text)).toEqual([
    'The simulation is paused.',
    'Demand is now 2.',
  ]);
});

test('a point is kept for each arrival of metrics, not for each summary', () => {
  receive(store, { type: 'summary', summary: summary({ timeS: 1, metricsVersion: 1 }) }, 0);
  receive(store, { type: 'summary', summary: summary({ timeS: 2, metricsVersion: 1 }) }, 0);
  receive(store, { type: 'summary', summary: summary({ timeS: 3, metricsVersion: 2 }) }, 0);
  expect(store.getState().history.times).toEqual([1, 3]);
});

test('resuming undoes a pause, and an ended run stays ended', () => {
  const go = { paused: false, stopping: false, params: {} };
  expect(withControl(info({ state: 'paused' }), go).state).toBe('running');
  expect(withControl(info({ state: 'ended' }), go).state).toBe('ended');
  expect(effectiveState(info({ control: { ...go, stopping: true } }))).toBe('stopping');
});

test('a parameter has the value of the control state, else its first one', () => {
  const params = {
    a: { type: 'int', value: 1 },
    b: { type: 'int', value: 2 },
  } as const;
  const control = { paused: false, stopping: false, params: { b: 5 } };
  expect(currentParams(info({ params, control }))).toEqual({ a: 1, b: 5 });
});

test('the history has one time axis, holes where a metric was missing, and no way back', () => {
  const history = new MetricHistory();
  history.push('e1', 1, { a: 1 });
  history.push('e1', 1, { a: 9 });
  history.push('e1', 2, { a: 2, b: 5 });
  history.push('e1', 1.5, { a: 9 });
  history.push('e1', 3, { b: 6 });
  expect(history.times).toEqual([1, 2, 3]);
  expect(history.values('a')).toEqual([1, 2, null]);
  expect(history.values('b')).toEqual([null, 5, 6]);
});

test('a new epoch starts a new history', () => {
  const history = new MetricHistory();
  history.push('e1', 10, { a: 1 });
  history.push('e2', 0, { a: 2 });
  expect(history.times).toEqual([0]);
});
