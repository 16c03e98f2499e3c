import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Workspace } from '../../src/state/workspace';
import { Palette } from '../../src/ui/Palette';
import { DashboardContext } from '../../src/ui/context';
import { useKeys, type PageActions } from '../../src/ui/useKeys';
import { useDashboard } from '../../src/ui/context';
import type { ToEngine } from '../../src/engine/bridge';
import { info } from '../helpers';
import { summary } from '../state/summaries';
import { actions, show } from './render';

beforeAll(() => {
  // The test's browser has no modal dialogs; only their opening matters here.
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
});
afterEach(cleanup);

function Keys({ page }: { page: PageActions }) {
  useKeys(useDashboard(), page);
  return <input aria-label="field" />;
}

test('space pauses and resumes, and the arrow steps only while paused', () => {
  const { told, dashboard } = show(<Keys page={actions()} />);
  fireEvent.keyDown(document.body, { key: 'ArrowRight' });
  expect(told).toEqual([]);
  fireEvent.keyDown(document.body, { key: ' ' });
  expect(told.at(-1)).toMatchObject({ name: 'pause' });
  act(() => dashboard.store.setState({ info: info({ state: 'paused' }), command: null }));
  fireEvent.keyDown(document.body, { key: 'ArrowRight', shiftKey: true });
  expect(told.at(-1)).toMatchObject({ name: 'step', args: { steps: 10 } });
  act(() => dashboard.store.setState({ command: null }));
  fireEvent.keyDown(document.body, { key: ' ' });
  expect(told.at(-1)).toMatchObject({ name: 'resume' });
});

test('every key does what the help says of it', () => {
  const page = actions();
  const { told } = show(<Keys page={page} />);
  for (const key of ['f', '0', 'v', ']', '[']) fireEvent.keyDown(document.body, { key });
  expect(told.map((message) => message.type)).toEqual([
    'follow',
    'fit',
    'vectors',
    'step-selection',
    'step-selection',
  ]);
  for (const key of ['3', 'e', 'b', '?', '/']) fireEvent.keyDown(document.body, { key });
  fireEvent.keyDown(document.body, { key: 'k', ctrlKey: true });
  expect(page.panel).toHaveBeenCalledWith(3);
  expect(vi.mocked(page.bottom).mock.calls).toEqual([['log'], ['table']]);
  expect(page.help).toHaveBeenCalledOnce();
  expect(vi.mocked(page.palette).mock.calls).toEqual([['entities'], ['commands']]);
});

test('while somebody types keys are letters, but the list of commands still opens', () => {
  const page = actions();
  const { told } = show(<Keys page={page} />);
  const field = screen.getByLabelText('field');
  for (const key of [' ', 'f', '1', '/']) fireEvent.keyDown(field, { key });
  expect(told).toEqual([]);
  expect(page.palette).not.toHaveBeenCalled();
  fireEvent.keyDown(field, { key: 'K', ctrlKey: true });
  expect(page.palette).toHaveBeenCalledWith('commands');
});

test('escape closes what is open, and only then clears the selection', () => {
  const page = actions();
  const { told } = show(<Keys page={page} />);
  vi.mocked(page.escape).mockReturnValueOnce(true);
  fireEvent.keyDown(document.body, { key: 'Escape' });
  expect(told).toEqual([]);
  fireEvent.keyDown(document.body, { key: 'Escape' });
  expect(told).toEqual([{ type: 'select', layer: null, id: 0 }]);
});

function openPalette(mode: 'commands' | 'entities') {
  const told: ToEngine[] = [];
  const workspace = new Workspace(
    () => ({
      postMessage: (message) => told.push(message),
      addEventListener() {},
      removeEventListener() {},
    }),
    'http://gateway/',
  );
  const dashboard = workspace.focused;
  const runs = [info(), info({ id: 'harbour', title: 'Harbour' })];
  dashboard.store.setState({ run: 'town', info: info(), summary: summary(), runs });
  const page = actions();
  render(
    <DashboardContext value={dashboard}>
      <Palette mode={mode} workspace={workspace} actions={page} onClose={vi.fn<() => void>()} />
    </DashboardContext>,
  );
  return { told, dashboard, page };
}

function type(text: string): void {
  fireEvent.change(screen.getByTestId('palette'), { target: { value: text } });
}

test('a command is found by a part of its words, and Enter does it', () => {
  const { told } = openPalette('commands');
  type('fit sce');
  expect(screen.getAllByRole('option')).toHaveLength(1);
  fireEvent.keyDown(screen.getByTestId('palette'), { key: 'Enter' });
  expect(told.at(-1)).toEqual({ type: 'fit' });
});

test('another run can be shown beside this one', () => {
  openPalette('commands');
  type('beside harbour');
  fireEvent.keyDown(screen.getByTestId('palette'), { key: 'Enter' });
  expect(location.hash).toBe('#/run/town+harbour');
});

test('a command that does not work now says why and does nothing', () => {
  const { told } = openPalette('commands');
  type('one step');
  expect(screen.getByRole('option').textContent).toContain('Only while paused');
  fireEvent.keyDown(screen.getByTestId('palette'), { key: 'Enter' });
  expect(told).toEqual([]);
});

test('an entity that was found is selected and followed', () => {
  const { told, dashboard } = openPalette('entities');
  type('veh');
  const matches = [
    { layer: 'vehicles', id: 4, name: 'veh4' },
    { layer: 'vehicles', id: 5, name: 'veh5' },
  ];
  act(() => dashboard.store.setState({ found: { query: 'veh', matches } }));
  const field = screen.getByTestId('palette');
  fireEvent.keyDown(field, { key: 'ArrowDown' });
  const chosen = screen.getAllByRole('option')[1];
  expect(field.getAttribute('aria-activedescendant')).toBe(chosen?.id);
  fireEvent.keyDown(field, { key: 'Enter' });
  expect(told.slice(-2)).toEqual([
    { type: 'select', layer: 'vehicles', id: 5 },
    { type: 'follow', on: true },
  ]);
});

const history = {
  first: 10,
  last: 90,
  fromS: 1,
  toS: 9,
  at: null,
  behindS: 0,
  live: { timeS: 9, metrics: {}, metricsVersion: 1 },
};

test('the arrows look back and forth, Home at the oldest and L at the present again', () => {
  const { told, dashboard } = show(<Keys page={actions()} />);
  fireEvent.keyDown(document.body, { key: 'ArrowLeft' });
  expect(told).toEqual([]); // nothing to look back to
  act(() => dashboard.store.setState({ summary: summary({ history: { ...history, at: 50 } }) }));
  for (const key of ['ArrowLeft', 'ArrowRight', 'Home', 'End', 'l']) {
    fireEvent.keyDown(document.body, { key });
  }
  expect(told).toEqual(
    [{ by: -1 }, { by: 1 }, 'first', 'live', 'live'].map((to) => ({ type: 'look', to })),
  );
});
