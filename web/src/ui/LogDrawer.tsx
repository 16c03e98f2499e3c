/** The event log: its newest line is always in sight, the rest opens above it. */
import { useEffect, useRef, useState } from 'react';
import { formatClock, formatSimTime } from '../state/format';
import { matches, type LogEntry, type LogFilter } from '../state/eventLog';
import { useDash } from './context';
import { Icon, type IconName } from './icons';
import { useAnnouncement } from './useAnnouncement';

const ICONS: Readonly<Record<LogEntry['level'], IconName>> = {
  info: 'list',
  warning: 'warning',
  error: 'cross',
  complete: 'flag',
};
const FILTERS: readonly (readonly [LogFilter, string])[] = [
  ['all', 'All'],
  ['warning', 'Warnings'],
  ['error', 'Errors'],
];
/** Older entries are kept, but not put on the page. */
const SHOWN = 200;

export function LogDrawer({ open, onToggle }: { open: boolean; onToggle: () => void }) {
  const log = useDash((state) => state.log);
  const [filter, setFilter] = useState<LogFilter>('all');
  const announcement = useAnnouncement(log);
  const latest = log.at(-1);
  const errors = log.filter((entry) => entry.level === 'error').length;
  return (
    <section className="log" data-open={open} aria-label="Event log">
      <div className="log-head">
        <button
          type="button"
          className="log-toggle"
          aria-expanded={open}
          aria-controls="event-log"
          onClick={onToggle}
        >
          <Icon name="chevron" />
          <b>Event log</b>
          <span className="count">{log.length}</span>
          {errors > 0 && (
            <span className="count" data-tone="error">
              {errors} {errors === 1 ? 'error' : 'errors'}
            </span>
          )}
          {!open && latest !== undefined && (
            <span className="log-latest" data-level={latest.level}>
              <Icon name={ICONS[latest.level]} />
              <span>{latest.text}</span>
            </span>
          )}
        </button>
        {open && (
          <fieldset className="segmented">
            <legend className="visually-hidden">Show</legend>
            {FILTERS.map(([value, word]) => (
              <label key={value}>
                <input
                  type="radio"
                  name="log-filter"
                  checked={filter === value}
                  onChange={() => setFilter(value)}
                />
                {word}
              </label>
            ))}
          </fieldset>
        )}
      </div>
      <LogList open={open} entries={log.filter((entry) => matches(entry, filter)).slice(-SHOWN)} />
      <p className="visually-hidden" aria-live="polite">
        {announcement}
      </p>
    </section>
  );
}

function LogList({ open, entries }: { open: boolean; entries: readonly LogEntry[] }) {
  const list = useRef<HTMLOListElement>(null);
  const pinned = useRef(true);
  useEffect(() => {
    // Stay at the newest entry, unless somebody has scrolled up to read.
    if (list.current !== null && pinned.current) list.current.scrollTop = list.current.scrollHeight;
  });
  return (
    <ol
      ref={list}
      id="event-log"
      className="log-list"
      data-testid="event-log"
      hidden={!open}
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling region must be reachable
      tabIndex={0}
      aria-label="Events"
      onScroll={(event) => {
        const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
        pinned.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      {entries.map((entry) => (
        <li key={entry.id} data-level={entry.level}>
          <time>{formatClock(entry.atMs)}</time>
          <span className="level">
            <Icon name={ICONS[entry.level]} />
            {entry.level}
          </span>
          <span className="text">
            {entry.text}
            {entry.times > 1 && <small> ×{entry.times}</small>}
          </span>
          <small>{entry.timeS === null ? entry.source : `at ${formatSimTime(entry.timeS)}`}</small>
        </li>
      ))}
      {entries.length === 0 && <li className="empty">Nothing here.</li>}
    </ol>
  );
}
