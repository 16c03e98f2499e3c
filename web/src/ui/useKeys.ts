/** The keyboard: one listener for the page. Not while somebody types, and not while a dialog is open. */
import { useEffect, useRef } from 'react';
import type { Dashboard } from '../state/dashboard';
import { effectiveState } from '../state/runState';

export interface KeyActions {
  help(): void;
  log(): void;
  escape(): void;
}

export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Space', 'Pause or resume'],
  ['F', 'Follow the selected entity'],
  ['0', 'Fit the whole scene'],
  ['V', 'Show or hide velocity vectors'],
  ['[  ]', 'Select the previous or next entity'],
  ['+  −', 'Zoom in or out'],
  ['Arrows', 'Move the view, while the scene has the focus'],
  ['E', 'Open or close the event log'],
  ['T', 'Light or dark'],
  ['?', 'Show this help'],
  ['Esc', 'Close what is open; else clear the selection'],
];

export function useKeys(dashboard: Dashboard, actions: KeyActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return;
      if (handle(event, dashboard, latest.current)) event.preventDefault();
    };
    addEventListener('keydown', listener);
    return () => removeEventListener('keydown', listener);
  }, [dashboard]);
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.matches('input, select, textarea') || target.isContentEditable;
}

/** Answers whether the key meant something. */
function handle(event: KeyboardEvent, dashboard: Dashboard, actions: KeyActions): boolean {
  const { summary } = dashboard.store.getState();
  switch (event.key) {
    case ' ':
      // On a focused button the space bar presses that button.
      if (event.target instanceof HTMLElement && event.target.matches('button, summary, a')) {
        return false;
      }
      togglePause(dashboard);
      return true;
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
    case 'e':
    case 'E':
      actions.log();
      return true;
    case 't':
    case 'T':
      dashboard.toggleTheme();
      return true;
    case '?':
      actions.help();
      return true;
    case 'Escape':
      actions.escape();
      dashboard.send({ type: 'select', layer: null, id: 0 });
      return true;
    default:
      return false;
  }
}

function togglePause(dashboard: Dashboard): void {
  const { info, command } = dashboard.store.getState();
  if (info === null || command !== null) return;
  const state = effectiveState(info);
  if (state === 'running') dashboard.command('pause');
  else if (state === 'paused') dashboard.command('resume');
}
