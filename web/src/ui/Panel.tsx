/** A side panel: a column of the layout on wide screens, a drawer over the scene on narrow ones. */
import type { ReactNode } from 'react';
import { Icon } from './icons';
import { NARROW, useMedia } from './useMedia';

export function SidePanel(props: {
  id: string;
  label: string;
  side: 'left' | 'right';
  open: boolean;
  onClose: () => void;
  children: ReactNode;
}) {
  const narrow = useMedia(NARROW);
  const shut = narrow && !props.open;
  return (
    <aside
      id={props.id}
      className={`side ${props.side}`}
      aria-label={props.label}
      data-open={props.open}
      // A closed drawer must not be reachable by Tab.
      inert={shut}
      // It scrolls, so the keyboard must be able to reach it even while nothing inside can have the focus.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      {narrow && (
        <div className="drawer-head">
          <h2>{props.label}</h2>
          <button type="button" className="icon-button" onClick={props.onClose} aria-label="Close">
            <Icon name="close" />
          </button>
        </div>
      )}
      {props.children}
    </aside>
  );
}

export function Section(props: {
  title: string;
  /** Where a key can lead to, see `panels.ts`. */
  id?: string;
  aside?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="section" aria-label={props.title} id={props.id} tabIndex={-1}>
      <div className="section-head">
        <h2>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

/** Lines in the place of content that is on its way; as high as what will come. */
export function Skeleton({ lines }: { lines: number }) {
  return (
    <div className="skeleton" aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} />
      ))}
    </div>
  );
}

/** What stands for a whole panel until there is something to show: its sections by their names, and lines. */
export function PanelSkeleton({ titles }: { titles: readonly string[] }) {
  return titles.map((title) => (
    <Section key={title} title={title}>
      <Skeleton lines={5} />
    </Section>
  ));
}
