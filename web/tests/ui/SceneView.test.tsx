import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test, vi } from 'vitest';
import { SceneView } from '../../src/ui/SceneView';
import { summary } from '../state/summaries';
import { show } from './render';

afterEach(cleanup);

test('a press on a tool, its icon too, is not one on the scene', () => {
  const capture = vi.fn<(id: number) => void>();
  HTMLElement.prototype.setPointerCapture = capture;
  show(<SceneView />);
  const icon = screen.getByLabelText('Minimap').querySelector('svg');
  expect(icon).not.toBeNull();
  if (icon !== null) fireEvent.pointerDown(icon, { pointerId: 1 });
  expect(capture).not.toHaveBeenCalled();
  fireEvent.pointerDown(screen.getByTestId('scene'), { pointerId: 1 });
  expect(capture).toHaveBeenCalledOnce();
});

test('the minimap comes and goes, and the way of drawing can be chosen', () => {
  const { told, dashboard } = show(<SceneView />);
  act(() => dashboard.store.setState({ summary: summary() }));
  fireEvent.click(screen.getByLabelText('Minimap'));
  expect(screen.getByTestId('minimap')).toBeTruthy();
  expect(told.at(-1)).toMatchObject({ type: 'minimap' });
  fireEvent.click(screen.getByLabelText('Minimap'));
  expect(screen.queryByTestId('minimap')).toBeNull();
  fireEvent.change(screen.getByLabelText('Draw by'), { target: { value: 'svg' } });
  expect(told.at(-1)).toEqual({ type: 'drawing', tier: 'svg' });
});
