/** The last minute of the run: a range to look back with, marks where something happened, and the way back to the present. */
import { useMemo, type CSSProperties } from 'react';
import { formatBehind, formatSimTime } from '../state/format';
import { useDash, useDashboard } from './context';

export function Scrubber() {
  const dashboard = useDashboard();
  const history = useDash((state) => state.summary?.history ?? null);
  const shownS = useDash((state) => state.summary?.timeS ?? 0);
  const at = history?.at ?? null;
  const live = at === null;
  const words = live
    ? `Live, ${formatSimTime(shownS)}`
    : `${formatBehind(history?.behindS ?? 0)}, ${formatSimTime(shownS)}`;
  const { first, last } = history ?? { first: 0, last: 1 };
  const value = Math.min(Math.max(at ?? last, first), last);
  const share = last > first ? (value - first) / (last - first) : 1;
  return (
    <div
      className="scrubber"
      role="group"
      aria-label="History"
      data-testid="scrubber"
      data-live={live}
      data-behind-s={history?.behindS ?? 0}
      data-frames={history === null ? 0 : last - first + 1}
    >
      <span className="scrub-from" aria-hidden="true">
        {history === null ? '–' : formatBehind(history.toS - history.fromS)}
      </span>
      <div className="scrub-track" style={{ '--share': share } as CSSProperties}>
        <Marks />
        <input
          type="range"
          aria-label="Look back"
          aria-valuetext={history === null ? 'No history yet' : words}
          title="Look back (← and →, Home, L for live)"
          min={first}
          max={last}
          value={value}
          disabled={history === null}
          onChange={(event) =>
            dashboard.send({ type: 'look', to: { seq: Number(event.target.value) } })
          }
        />
      </div>
      <output className="scrub-at" data-live={live}>
        {live ? '' : formatBehind(history?.behindS ?? 0)}
      </output>
      <button
        type="button"
        className="live-button"
        aria-pressed={live}
        disabled={history === null}
        title="The present (L)"
        onClick={() => dashboard.send({ type: 'look', to: 'live' })}
      >
        <i aria-hidden="true" />
        LIVE
      </button>
    </div>
  );
}

/** Where in the buffered range something happened that is worth a look. */
function Marks() {
  const log = useDash((state) => state.log);
  const fromS = useDash((state) => state.summary?.history?.fromS ?? 0);
  const toS = useDash((state) => state.summary?.history?.toS ?? 0);
  const events = useMemo(
    () => log.filter(({ level, timeS }) => timeS !== null && level !== 'info').slice(-60),
    [log],
  );
  if (toS <= fromS) return null;
  return events.map(({ id, timeS, level, text }) =>
    timeS === null || timeS < fromS || timeS > toS ? null : (
      <i
        key={id}
        className="scrub-mark"
        data-level={level}
        title={text}
        style={{ left: `${(100 * (timeS - fromS)) / (toS - fromS)}%` }}
      />
    ),
  );
}
