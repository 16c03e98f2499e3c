/** The keyboard: one listener for the page. Not while somebody types, and not while a dialog is open. */
import { useEffect, useRef } from 'react';
import type { Dashboard } from '../state/dashboard';
import { effectiveState } from '../state/runState';
import type { BottomView } from './BottomDrawer';
import type { PaletteMode } from './Palette';

/** What a person can do with the page itself. */
export interface PageActions {
  help(): void;
  stop(): void;
  palette(mode: PaletteMode): void;
  /** Opens this view of the drawer at the bottom, or closes it. */
  bottom(view: BottomView): void;
  /** Goes to the panel with this number, from 1. */
  panel(number: number): void;
  /** Closes what lies over the page; answers whether there was anything. */
  escape(): boolean;
}

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Space', 'Pause or resume'],
  ['←  →', 'Look back and forth, frame by frame (Shift: ten); → while paused: one step'],
  ['Home  End', 'The oldest frame that is kept; the present'],
  ['L', 'Live: the present'],
  ['F', 'Follow the selected entity'],
  ['0', 'Fit the whole scene'],
  ['V', 'Show or hide vectors'],
  ['/', 'Find an entity by its id'],
  ['[  ]', 'Select the previous or next entity'],
  ['+  −', 'Zoom in or out'],
  ['Arrows', 'Move the view, while the scene has the focus'],
  ['1 – 4', 'Entities, parameters, figures, event log'],
  ['E', 'Open or close the event log'],
  ['B', 'Open or close the table of entities'],
  ['T', 'Light or dark'],
  ['Ctrl K', 'All commands'],
  ['?', 'Show this help'],
  ['Esc', 'Close what is open; else clear the selection'],
];

const MANY_STEPS = 10;

export function useKeys(dashboard: Dashboard, actions: PageActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || document.querySelector('dialog[open]') !== null) return;
      if (isPaletteKey(event)) {
        event.preventDefault();
        latest.current.palette('commands');
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (handle(event, dashboard, latest.current)) event.preventDefault();
    };
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, [dashboard]);
}

/** It types no letter, so it works in a field too. */
function isPaletteKey(event: KeyboardEvent): boolean {
  return (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k';
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.matches('input:not([type=range]), select, textarea') || target.isContentEditable;
}

/** On a focused control these keys mean that control. */
function isForControl(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, summary, a, [role="option"]');
}

/** A range has keys of its own, and types nothing. */
function isForRange({ target, key }: KeyboardEvent): boolean {
  const range = target instanceof HTMLElement && target.matches('input[type=range]');
  return range && /^(Arrow|Home|End|Page)/.test(key);
}

/** Answers whether the key meant something. */
function handle(event: KeyboardEvent, dashboard: Dashboard, actions: PageActions): boolean {
  const { summary } = dashboard.store.getState();
  if (isForRange(event)) return false;
  switch (event.key) {
    case ' ':
      if (isForControl(event.target)) return false;
      togglePause(dashboard);
      return true;
    case 'ArrowLeft':
      return lookBy(dashboard, event.shiftKey ? -MANY_STEPS : -1);
    case 'Home':
      dashboard.send({ type: 'look', to: 'first' });
      return true;
    case 'End':
    case 'l':
    case 'L':
      dashboard.send({ type: 'look', to: 'live' });
      return true;
    case 'ArrowRight':
      if (summary?.history?.at != null) return lookBy(dashboard, event.shiftKey ? MANY_STEPS : 1);
      return step(dashboard, event.shiftKey ? MANY_STEPS : 1);
    case 'f':
    case 'F':
      dashboard.send({ type: 'follow', on: !(summary?.follow ?? false) });
      return true;
    case '0':
      dashboard.send({ type: 'fit' });
      return true;
    case 'v':
    case 'V':
      dashboard.send({ type: 'vectors', on: !(summary?.vectors ?? false) });
      return true;
    case '[':
      dashboard.send({ type: 'step-selection', by: -1 });
      return true;
    case ']':
      dashboard.send({ type: 'step-selection', by: 1 });
      return true;
    case '/':
      actions.palette('entities');
      return true;
    case '1':
    case '2':
    case '3':
    case '4':
      actions.panel(Number(event.key));
      return true;
    case 'e':
    case 'E':
      actions.bottom('log');
      return true;
    case 'b':
    case 'B':
      actions.bottom('table');
      return true;
    case 't':
    case 'T':
      dashboard.toggleTheme();
      return true;
    case '?':
      actions.help();
      return true;
    case 'Escape':
      if (!actions.escape()) dashboard.send({ type: 'select', layer: null, id: 0 });
      return true;
    default:
      return false;
  }
}

/** Looks so many frames further. Answers whether there is anything to look at. */
function lookBy(dashboard: Dashboard, by: number): boolean {
  if (dashboard.store.getState().summary?.history == null) return false;
  dashboard.send({ type: 'look', to: { by } });
  return true;
}

export function togglePause(dashboard: Dashboard): void {
  const { info, command } = dashboard.store.getState();
  if (info === null || command !== null) return;
  const state = effectiveState(info);
  if (state === 'running') dashboard.command('pause');
  else if (state === 'paused') dashboard.command('resume');
}

/** The simulation itself goes forward only, and by steps only while it is paused. */
export function step(dashboard: Dashboard, steps: number): boolean {
  const { info, command } = dashboard.store.getState();
  if (info === null || effectiveState(info) !== 'paused') return false;
  if (command === null) dashboard.command('step', { steps });
  return true;
}
