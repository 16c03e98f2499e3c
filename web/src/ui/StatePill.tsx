/** The run's state, as a word, an icon and a colour. */
import type { RunState } from '../protocol/messages';
import { effectiveState } from '../state/runState';
import { useDash } from './context';
import { Icon, type IconName } from './icons';

const LOOKS: Readonly<Record<RunState, { word: string; icon: IconName; tone: string }>> = {
  created: { word: 'Created', icon: 'clock', tone: 'muted' },
  running: { word: 'Running', icon: 'play', tone: 'ok' },
  paused: { word: 'Paused', icon: 'pause', tone: 'warning' },
  stopping: { word: 'Stopping', icon: 'stop', tone: 'warning' },
  ended: { word: 'Ended', icon: 'flag', tone: 'muted' },
  lost: { word: 'Lost', icon: 'warning', tone: 'error' },
};

export function StatePill() {
  const state = useDash((dash) => (dash.info === null ? null : effectiveState(dash.info)));
  const connected = useDash((dash) => dash.summary?.link.state === 'open');
  if (state === null) {
    return (
      <span className="pill" data-tone="muted" data-testid="state-pill" data-state="none">
        No run
      </span>
    );
  }
  const look = LOOKS[state];
  // Without a connection the state is a memory; an end is final all the same.
  const known = connected || state === 'ended';
  return (
    <span
      className="pill"
      data-tone={known ? look.tone : 'muted'}
      data-testid="state-pill"
      data-state={state}
      data-known={known}
    >
      <Icon name={look.icon} />
      {known ? look.word : `Was ${look.word.toLowerCase()}`}
    </span>
  );
}
