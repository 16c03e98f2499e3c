/** The panels that a key leads to. */
export interface PanelPlace {
  id: string;
  title: string;
  /** Where it is, on screens where the sides are drawers. */
  place: 'left' | 'right' | 'bottom';
}

export const PANELS: readonly PanelPlace[] = [
  { id: 'panel-entities', title: 'Entities', place: 'left' },
  { id: 'panel-parameters', title: 'Parameters', place: 'left' },
  { id: 'panel-inspector', title: 'Inspector and figures', place: 'right' },
  { id: 'event-log', title: 'Event log', place: 'bottom' },
];

/** Brings a panel into view and gives it the focus, as soon as it is there. */
export function focusPanel(id: string): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const panel = document.querySelector<HTMLElement>(`#${id}`);
      panel?.scrollIntoView({ block: 'nearest' });
      panel?.focus({ preventScroll: true });
    }),
  );
}
