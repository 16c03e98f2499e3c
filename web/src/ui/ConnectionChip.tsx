/** The connection at a glance, and in full in its popover. */
import type { Summary } from '../engine/bridge';
import { formatBytesPerS, formatCount, formatMs } from '../state/format';
import { useDash } from './context';
import { Icon } from './icons';
import { TierSelect } from './TierSelect';

type ChipState = 'open' | 'reconnecting' | 'closed';

/** What the chip says. A first connection attempt is not "re"-anything, but it is not open either. */
export function chipState(summary: Summary | null): ChipState {
  const state = summary?.link.state ?? 'idle';
  if (state === 'open') return 'open';
  return state === 'closed' ? 'closed' : 'reconnecting';
}

export function ConnectionChip() {
  const summary = useDash((state) => state.summary);
  const state = chipState(summary);
  const open = summary !== null && state === 'open';
  const first = summary === null || summary.link.attempt === 0;
  const word =
    state === 'open'
      ? 'Connected'
      : state === 'closed'
        ? 'Closed'
        : first
          ? 'Connecting'
          : 'Reconnecting';
  const tone = state === 'open' ? 'ok' : state === 'closed' ? 'error' : first ? 'muted' : 'warning';
  return (
    <>
      <button
        type="button"
        className="chip"
        data-tone={tone}
        data-testid="conn-chip"
        data-state={state}
        data-rtt-ms={rounded(summary?.rttMs)}
        data-fps={rounded(summary?.fps)}
        data-age-ms={rounded(summary?.ageMs)}
        data-tier={summary?.tier ?? ''}
        popoverTarget="connection-details"
        title="Details of the connection"
      >
        <Icon name={state === 'open' ? 'link' : state === 'closed' ? 'broken' : 'retry'} />
        <span className="visually-hidden">Connection: </span>
        <span className="chip-word">{word}</span>
        {/* There from the beginning and of fixed widths: nothing beside the chip may move when a figure comes. */}
        <Figure name="RTT" value={open ? formatMs(summary.rttMs) : '–'} of="rtt" />
        <Figure name="FPS" value={open ? `${Math.round(summary.fps)}` : '–'} of="fps" />
        <Figure name="" value={open ? formatBytesPerS(summary.bytesPerS) : '–'} of="bytes" />
        <Figure name="dropped" value={open ? formatCount(summary.dropped) : '–'} of="dropped" />
        <Figure name="tier" value={(open && summary.tier?.replace('_', ' ')) || '–'} of="tier" />
        <Figure name="age" value={open ? formatMs(summary.ageMs) : '–'} of="age" />
      </button>
      <div id="connection-details" popover="auto" className="popover">
        {summary !== null && <Details summary={summary} word={word} />}
      </div>
    </>
  );
}

function Figure({ name, value, of }: { name: string; value: string; of: string }) {
  return (
    <span className="figure" data-figure={of}>
      {name !== '' && <i>{name} </i>}
      {value}
    </span>
  );
}

function Details({ summary, word }: { summary: Summary; word: string }) {
  const { link } = summary;
  const rows: readonly (readonly [string, string])[] = [
    ['State', word],
    ['Gateway node', link.node ?? '–'],
    ['Your role', link.role ?? '–'],
    ['Round trip', formatMs(summary.rttMs)],
    ['Age of what is shown', formatMs(summary.ageMs)],
    ['Drawing', `${Math.round(summary.fps)} frames/s`],
    [
      'Receiving',
      `${summary.framesPerS.toFixed(1)} frames/s, ${formatBytesPerS(summary.bytesPerS)}`,
    ],
    ['Decoding', formatMs(summary.decodeMs)],
    ['Dropped frames', formatCount(summary.dropped)],
    ['Tier shown', summary.tier ?? '–'],
  ];
  return (
    <>
      <h2>Connection</h2>
      {link.cause !== null && link.state !== 'open' && (
        <p className="cause">
          {link.cause} {link.remedy}
        </p>
      )}
      <dl className="table">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <TierSelect testid="tier-select-chip" />
      {summary.hops.length > 0 && (
        <>
          <h3>On the way here</h3>
          <dl className="table">
            {summary.hops.map((hop) => (
              <div key={hop.name}>
                <dt>{hop.name}</dt>
                <dd>{formatMs(hop.ms)}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </>
  );
}

function rounded(value: number | null | undefined): string {
  return value === null || value === undefined ? '' : `${Math.round(value * 10) / 10}`;
}
