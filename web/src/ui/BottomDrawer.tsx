/** The drawer under the scene: the event log, whose newest line is always in sight, or the table of entities. */
import { lazy, Suspense } from 'react';
import { useDash } from './context';
import { Icon } from './icons';
import { LEVEL_ICONS, LogPanel } from './LogPanel';
import { useAnnouncement } from './useAnnouncement';

export type BottomView = 'none' | 'log' | 'table';

const EntityTable = lazy(async () => ({ default: (await import('./EntityTable')).EntityTable }));

export function BottomDrawer(props: { view: BottomView; onView: (view: BottomView) => void }) {
  const { view, onView } = props;
  const log = useDash((state) => state.log);
  const announcement = useAnnouncement(log);
  const latest = log.at(-1);
  const errors = log.filter((entry) => entry.level === 'error').length;
  const toggle = (wanted: BottomView): void => onView(view === wanted ? 'none' : wanted);
  return (
    <section className="log" data-open={view !== 'none'} aria-label="Event log and entities">
      <div className="log-head">
        <button
          type="button"
          className="log-toggle"
          data-open={view === 'log'}
          aria-expanded={view === 'log'}
          aria-controls="event-log"
          onClick={() => toggle('log')}
        >
          <Icon name="chevron" />
          <b>Event log</b>
          <span className="count">{log.length}</span>
          {errors > 0 && (
            <span className="count" data-tone="error">
              {errors} {errors === 1 ? 'error' : 'errors'}
            </span>
          )}
          {view !== 'log' && latest !== undefined && (
            <span className="log-latest" data-level={latest.level}>
              <Icon name={LEVEL_ICONS[latest.level]} />
              <span>{latest.text}</span>
            </span>
          )}
        </button>
        <button
          type="button"
          className="button table-toggle"
          data-testid="table-toggle"
          aria-expanded={view === 'table'}
          onClick={() => toggle('table')}
          title="The entities as a table (B)"
        >
          <Icon name="table" />
          Table
        </button>
      </div>
      <LogPanel open={view === 'log'} />
      {view === 'table' && (
        <Suspense fallback={<div className="entity-table" />}>
          <EntityTable />
        </Suspense>
      )}
      <p className="visually-hidden" aria-live="polite">
        {announcement}
      </p>
    </section>
  );
}
