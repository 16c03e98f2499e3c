import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { CameraImage, LayerSummary } from '../../src/engine/bridge';
import { Cameras } from '../../src/state/cameras';
import { defaultCharts } from '../../src/state/chartChoice';
import { BottomDrawer } from '../../src/ui/BottomDrawer';
import { CamerasSection } from '../../src/ui/CamerasSection';
import { EntityTable } from '../../src/ui/EntityTable';
import { LayersSection } from '../../src/ui/LayersSection';
import { MetricsSection } from '../../src/ui/MetricsSection';
import { ModulesSection } from '../../src/ui/ModulesSection';
import { PhasesSection } from '../../src/ui/PhasesSection';
import { RightPanel } from '../../src/ui/RightPanel';
import { QualitySection } from '../../src/ui/QualitySection';
import { info } from '../helpers';
import { summary } from '../state/summaries';
import { show } from './render';

// Charts draw on a canvas, which the test's browser has not; that they are drawn is for the end-to-end tests.
vi.mock('../../src/ui/chart', () => ({
  createChart: () => ({ update() {}, resize() {}, destroy() {} }),
}));

beforeEach(() => localStorage.clear());
afterEach(cleanup);

const vehicles: LayerSummary = {
  name: 'vehicles',
  role: 'entities',
  rows: 3,
  visible: true,
  sent: true,
  colours: ['speed', 'type'],
  cell: null,
  groups: { column: 'type', values: [{ value: 'bus', count: 3, index: 1 }] },
};

test('the table shows the rows that the engine sends, selects by a button and says where it is', () => {
  const { dashboard, told, container, unmount } = show(<EntityTable />);
  expect(told).toMatchObject([{ type: 'table', wish: { layer: null, from: 0 } }]);
  const rows = [
    { id: 7, name: 'veh7', cells: ['bus', 1.5] },
    { id: 9, name: 'veh9', cells: ['car', 2] },
  ];
  const columns = [
    { name: 'type', unit: null },
    { name: 'x', unit: 'm' },
  ];
  const window = { layer: 'vehicles', layers: ['vehicles'], total: 9000, from: 40, columns, rows };
  act(() => dashboard.store.setState({ table: window }));
  expect(screen.getByRole('table').getAttribute('aria-rowcount')).toBe('9001');
  expect(screen.getByText('veh7').closest('tr')?.getAttribute('aria-rowindex')).toBe('42');
  screen.getByText('veh7').focus();
  fireEvent.keyDown(screen.getByText('veh7'), { key: 'ArrowDown' });
  expect(document.activeElement?.textContent).toBe('veh9');
  fireEvent.click(screen.getByText('veh9'));
  expect(told.at(-1)).toEqual({ type: 'select', layer: 'vehicles', id: 9 });
  expect(container.querySelectorAll('tr').length).toBeLessThan(200);
  unmount();
  expect(told.at(-1)).toEqual({ type: 'table', wish: null });
});

test('what has been scrolled to is asked for', () => {
  const { dashboard, told, container } = show(<EntityTable />);
  const window = { layer: 'a', layers: ['a'], total: 900, from: 0, columns: [], rows: [] };
  act(() => dashboard.store.setState({ table: window }));
  const scroller = container.querySelector('.table-scroll') as HTMLElement;
  scroller.scrollTop = 28 * 500;
  fireEvent.scroll(scroller);
  expect(told.at(-1)).toMatchObject({ type: 'table', wish: { from: 488 } });
});

test('the log can be narrowed by a text', () => {
  const { dashboard } = show(<BottomDrawer view="log" onView={vi.fn<() => void>()} />);
  const entry = { level: 'info', timeS: 3, atMs: 0, source: 'run', times: 1 } as const;
  const log = [
    { ...entry, id: 1, text: 'A bus has left' },
    { ...entry, id: 2, text: 'A tram has come' },
  ];
  act(() => dashboard.store.setState({ log }));
  fireEvent.change(screen.getByLabelText('Only entries with this text'), {
    target: { value: 'TRAM' },
  });
  expect(screen.getByTestId('event-log').textContent).toContain('tram');
  expect(screen.getByTestId('event-log').textContent).not.toContain('bus');
});

test('modules have their count, and their colour only where the scene has it', () => {
  const { dashboard } = show(<ModulesSection />);
  act(() => dashboard.store.setState({ summary: summary({ layers: [vehicles] }) }));
  const group = screen.getByTestId('groups-vehicles');
  expect(group.textContent).toBe('bus3');
  expect(group.querySelector('i')?.dataset['coloured']).toBe('false');
  const types = [{ name: 'bus', index: 1, colour: 'rgb(1, 2, 3)' }];
  const coloured = summary({ layers: [vehicles], colour: 'type', types });
  act(() => dashboard.store.setState({ summary: coloured }));
  expect(group.querySelector('i')?.style.background).toContain('rgb(1, 2, 3)');
});

test('a layer that the tier leaves out is still named, and cells are called cells', () => {
  const { dashboard } = show(<LayersSection />);
  const cells = { ...vehicles, cell: 50 };
  const low = summary({ layers: [cells], leftOut: ['forces'], tier: 'ultra_low' });
  act(() => dashboard.store.setState({ summary: low }));
  expect(screen.getByText('cells of 50')).toBeTruthy();
  expect(screen.getByText('left out by the tier ultra low')).toBeTruthy();
});

test('the tier can be chosen, and what is limited for everybody has its reason', () => {
  const { dashboard, told } = show(<QualitySection />);
  dashboard.start({ width: 1, height: 1, ratio: 1 });
  const quality = { level: 2, tiers: { low: 7.5 }, reason: 'the lag is 3 s' };
  act(() => dashboard.store.setState({ info: info({ quality }) }));
  expect(screen.getByTestId('quality').textContent).toContain('level 2: the lag is 3 s');
  fireEvent.change(screen.getByTestId('tier-select'), { target: { value: 'ultra_low' } });
  expect(told.at(-1)).toEqual({
    type: 'watch',
    run: 'town',
    tier: 'ultra_low',
    images: true,
  });
});

test('the step time is told by phases, or by metrics of that name', () => {
  const { dashboard, container } = show(<PhasesSection />);
  expect(container.textContent).toBe('');
  const metrics = { 'phase.simulate_ms': 20, 'phase.publish_ms': 5, real_time_factor: 2 };
  act(() => dashboard.store.setState({ summary: summary({ metrics }) }));
  expect(container.textContent).toBe('Step time25 msSimulate20 msPublish5.0 msAgainst real time2×');
});

test('by default no source crowds out the others, and phases are no charts', () => {
  const names = ['running', 'phase.a_ms', 'grid.a', 'grid.b', 'grid.c', 'zoo.a'];
  expect(defaultCharts(names)).toEqual(['running', 'grid.a', 'grid.b', 'zoo.a']);
});

test('charts can be chosen, and the choice is kept for that kind of run', () => {
  const metrics = { running: 1, 'grid.a': 2 };
  const first = show(<MetricsSection />);
  act(() => first.dashboard.store.setState({ summary: summary({ metrics }) }));
  fireEvent.click(screen.getByTestId('choose-charts'));
  fireEvent.click(screen.getByLabelText('Running'));
  expect(screen.queryByTestId('metric-running')).toBeNull();
  first.unmount();
  const again = show(<MetricsSection />);
  act(() => again.dashboard.store.setState({ summary: summary({ metrics }) }));
  expect(screen.queryByTestId('metric-running')).toBeNull();
  expect(screen.getByTestId('metric-grid.a')).toBeTruthy();
});

function image(camera: string, skipped = 0): CameraImage {
  const bitmap = { width: 4, height: 3, close: vi.fn<() => void>() };
  return { run: 'town', camera, bitmap, step: 1, timeS: 2, ageMs: null, skipped };
}

test('of a camera only the newest picture is kept, the others are closed', () => {
  const cameras = new Cameras();
  const [older, newer] = [image('front'), image('front')];
  cameras.take(older);
  const names = cameras.names();
  cameras.take(newer);
  expect(older.bitmap.close).toHaveBeenCalledOnce();
  expect(newer.bitmap.close).not.toHaveBeenCalled();
  expect(cameras.names()).toBe(names);
  cameras.clear();
  expect(newer.bitmap.close).toHaveBeenCalledOnce();
  expect(cameras.names()).toEqual([]);
});

test('every camera gets a tile', () => {
  const { dashboard } = show(<CamerasSection open onOpen={vi.fn<() => void>()} />);
  act(() => {
    dashboard.cameras.take(image('rear'));
    dashboard.cameras.take(image('front'));
  });
  expect(screen.getByTestId('camera-front').textContent).toContain('Front');
  expect(screen.getByTestId('camera-rear')).toBeTruthy();
});

test('the charts that a kind of run is judged by come first', () => {
  const names = ['a.x', 'iteration', 'overlaps', 'wire_length', 'energy'];
  expect(defaultCharts(names, 'optimizer').slice(0, 3)).toEqual([
    'energy',
    'wire_length',
    'overlaps',
  ]);
  expect(defaultCharts(names, 'optimizer')).toHaveLength(5);
});

test('pictures are asked for only while somebody can look at them', () => {
  const { dashboard, told, unmount } = show(<RightPanel open={false} onClose={() => undefined} />);
  act(() => dashboard.start({ width: 1, height: 1, ratio: 1 }));
  expect(told.at(-1)).toMatchObject({ type: 'watch', images: true });
  unmount();
  expect(told.at(-1)).toMatchObject({ type: 'watch', images: false });
});
