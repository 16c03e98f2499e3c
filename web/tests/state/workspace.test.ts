import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ToEngine } from '../../src/engine/bridge';
import { Workspace } from '../../src/state/workspace';
import { info } from '../helpers';

interface FakeEngine {
  told: ToEngine[];
  terminate: () => void;
}

function page(hash: string, listed = [info()]) {
  location.hash = hash;
  const body = { ok: true, json: () => Promise.resolve({ runs: listed }) };
  vi.stubGlobal('fetch', () => Promise.resolve(body));
  const engines: FakeEngine[] = [];
  const workspace = new Workspace(() => {
    const told: ToEngine[] = [];
    const terminate = vi.fn<() => void>();
    engines.push({ told, terminate });
    return {
      postMessage: (message) => told.push(message),
      addEventListener() {},
      removeEventListener() {},
      terminate,
    };
  }, 'http://gateway/');
  workspace.start();
  return { workspace, engines };
}

/** Goes to another address, as a link or the back button does. */
async function go(hash: string): Promise<void> {
  location.hash = hash;
  dispatchEvent(new Event('hashchange'));
  await Promise.resolve();
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('an address with several runs has an engine for each', () => {
  const { workspace, engines } = page('#/run/a+b+c');
  expect(workspace.runs()).toEqual(['a', 'b', 'c']);
  expect(engines).toHaveLength(3);
});

test('a run that stays goes on undisturbed when others come and go', async () => {
  const { workspace, engines } = page('#/run/a+b');
  const [a, b] = workspace.store.getState().dashboards;
  await go('#/run/b+c');
  expect(workspace.runs()).toEqual(['b', 'c']);
  expect(workspace.store.getState().dashboards).toEqual([b, a]);
  await go('#/run/b');
  expect(engines[0]?.terminate).toHaveBeenCalledOnce();
  expect(engines[1]?.terminate).not.toHaveBeenCalled();
});

test('no more than four runs are shown, and the last one cannot be closed', () => {
  const { workspace } = page('#/run/a+b+c+d+e');
  expect(workspace.runs()).toHaveLength(4);
  workspace.addRun('f');
  expect(location.hash).toBe('#/run/a+b+c+d+e');
  workspace.closeRun('a');
  expect(location.hash).toBe('#/run/b+c+d');
});

test('the panels stay with the run that was touched', async () => {
  const { workspace } = page('#/run/a+b');
  workspace.focus(1);
  const { focused } = workspace;
  await go('#/run/b');
  expect(workspace.focused).toBe(focused);
});

test('a run is opened in the place of the one that was looked at', () => {
  const { workspace } = page('#/run/a+b');
  workspace.focused.openRun('c');
  expect(location.hash).toBe('#/run/c+b');
});

test('without an address the first running run is opened', async () => {
  const { workspace } = page('', [info({ id: 'old', state: 'ended' }), info()]);
  await vi.advanceTimersByTimeAsync(0);
  expect(workspace.runs()).toEqual(['town']);
});

test('a theme is for the whole page', () => {
  const { workspace } = page('#/run/a+b');
  workspace.focused.toggleTheme();
  const themes = workspace.store.getState().dashboards.map(({ store }) => store.getState().theme);
  expect(new Set(themes).size).toBe(1);
});
