import { expect, test } from 'vitest';
import type { LayerSummary } from '../../src/engine/bridge';
import { LayerFilter } from '../../src/engine/layerFilter';
import { RunView } from '../../src/engine/runView';
import { frame, info, wire } from '../helpers';

function view(): RunView {
  const run = new RunView();
  run.info = info({ layers: { vehicles: {}, lights: {} } });
  const columns = { id: wire('u4', [1]) };
  run.take(frame({ layers: { vehicles: { rows: 1, columns } }, left_out: ['forces'] }));
  return run;
}

function layer(name: string, visible = true): LayerSummary {
  return { name, role: 'entities', rows: 3, visible, sent: true, colours: [], cell: null };
}

test('as long as nothing is hidden everything is asked for, also what nobody knows of yet', () => {
  expect(new LayerFilter().wanted(new Set(), view())).toBeNull();
});

test('what is hidden is not asked for, and everything else is, left out by the tier or not', () => {
  const filter = new LayerFilter();
  expect(filter.wanted(new Set(['vehicles']), view())).toEqual(['forces', 'lights']);
});

test('a layer that does not come because it is off stays in the list, at its place', () => {
  const filter = new LayerFilter();
  filter.note(layer('lights'));
  const hidden = new Set(['lights']);
  const names = (): (string | boolean)[] =>
    filter
      .complete([layer('vehicles'), layer('areas')], hidden)
      .flatMap(({ name, visible }) => [name, visible]);
  expect(names()).toEqual(['areas', true, 'lights', false, 'vehicles', true]);
  hidden.clear();
  expect(names()).toEqual(['areas', true, 'lights', true, 'vehicles', true]);
});
