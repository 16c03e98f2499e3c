/** The event log, narrowed by level and by text. */
import { useEffect, useRef, useState } from 'react';
import { formatClock, formatSimTime } from '../state/format';
import { matches, type LogEntry, type LogFilter } from '../state/eventLog';
import { useDash } from './context';
import { Icon, type IconName } from './icons';

export const LEVEL_ICONS: Readonly<Record<LogEntry['level'], IconName>> = {
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

export function LogPanel({ open }: { open: boolean }) {
  const log = useDash((state) => state.log);
  const [filter, setFilter] = useState<LogFilter>('all');
  const [text, setText] = useState('');
  const entries = log.filter((entry) => matches(entry, filter, text)).slice(-SHOWN);
  return (
    <>
      {open && (
        <div className="log-tools">
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
          <input
            type="search"
            aria-label="Only entries with this text"
            placeholder="Filter by text"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </div>
      )}
      <LogList open={open} entries={entries} narrowed={log.length > 0} />
    </>
  );
}

function LogList(props: { open: boolean; entries: readonly LogEntry[]; narrowed: boolean }) {
  const { open, entries, narrowed } = props;
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
            <Icon name={LEVEL_ICONS[entry.level]} />
            {entry.level}
          </span>
          <span className="text">
            {entry.text}
            {entry.times > 1 && <small> ×{entry.times}</small>}
          </span>
          <small>{entry.timeS === null ? entry.source : `at ${formatSimTime(entry.timeS)}`}</small>
        </li>
      ))}
      {entries.length === 0 && (
        <li className="empty">
          {narrowed ? 'No entry is like that.' : 'Nothing has happened yet.'}
        </li>
      )}
    </ol>
  );
}
