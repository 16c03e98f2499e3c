import { act, cleanup, fireEvent, screen } from '@testing-library/react';
import { afterEach, expect, test } from 'vitest';
import { answered } from '../../src/state/paramState';
import { ParamField } from '../../src/ui/ParamField';
import { show, type Shown } from './render';

afterEach(cleanup);

const DEMAND = { type: 'float', min: 0, max: 3, step: 0.1, title: 'Demand', unit: '×' } as const;

function input(): HTMLInputElement {
  return screen.getByTestId('param-demand');
}

function phase(): string | null {
  return screen.getByTestId('param-demand-state').getAttribute('data-state');
}

function enter(text: string): void {
  fireEvent.change(input(), { target: { value: text } });
  fireEvent.keyDown(input(), { key: 'Enter' });
}

function answer({ dashboard, told }: Shown, ok: boolean, error: string | null): void {
  const command = told.find((message) => message.type === 'command');
  const id = command?.type === 'command' ? command.commandId : '';
  act(() =>
    dashboard.store.setState(({ params }) => ({ params: answered(params, id, ok, error, 0) })),
  );
}

test('a change is sent as a command, waits, and is acknowledged', () => {
  const shown = show(<ParamField name="demand" param={DEMAND} current={1} locked={false} />);
  expect(phase()).toBe('idle');
  enter('2');
  expect(shown.told).toMatchObject([
    { type: 'command', run: 'town', name: 'set_params', args: { params: { demand: 2 } } },
  ]);
  expect(phase()).toBe('pending');
  expect(input().value).toBe('2');
  answer(shown, true, null);
  expect(phase()).toBe('ok');
});

test('a rejection shows the reason, and the value that the simulation really uses', () => {
  const shown = show(<ParamField name="demand" param={DEMAND} current={1} locked={false} />);
  enter('2');
  answer(shown, false, 'Not now.');
  expect(phase()).toBe('rejected');
  expect(screen.getByText('Not now.')).toBeTruthy();
  expect(input().value).toBe('1');
});

test('a value out of range is refused on the page and never sent', () => {
  const { told } = show(<ParamField name="demand" param={DEMAND} current={1} locked={false} />);
  enter('9');
  expect(told).toEqual([]);
  expect(phase()).toBe('rejected');
  expect(screen.getByText('At most 3 ×.')).toBeTruthy();
});

test('escape gives the field back to the simulation', () => {
  show(<ParamField name="demand" param={DEMAND} current={1} locked={false} />);
  fireEvent.change(input(), { target: { value: '2' } });
  fireEvent.keyDown(input(), { key: 'Escape' });
  expect(input().value).toBe('1');
});

test('a switch and a choice send at once', () => {
  const { told } = show(
    <>
      <ParamField name="on" param={{ type: 'bool' }} current={false} locked={false} />
      <ParamField
        name="mode"
        param={{ type: 'choice', choices: ['a', 'b'] }}
        current="a"
        locked={false}
      />
    </>,
  );
  fireEvent.click(screen.getByTestId('param-on'));
  fireEvent.change(screen.getByTestId('param-mode'), { target: { value: 'b' } });
  expect(told.map((message) => message.type === 'command' && message.args)).toEqual([
    { params: { on: true } },
    { params: { mode: 'b' } },
  ]);
});

test('nothing can be typed while steering does not work', () => {
  show(<ParamField name="demand" param={DEMAND} current={1} locked={true} />);
  expect(input().disabled).toBe(true);
});
