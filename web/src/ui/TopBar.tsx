/** The top bar: which run, how it is, what can be done with it, and how good the connection is. */
import { formatRate, formatValue } from '../state/format';
import { realTimeFactor } from '../state/metrics';
import { effectiveState } from '../state/runState';
import { ConnectionChip } from './ConnectionChip';
import { useDash, useDashboard } from './context';
import { Controls } from './Controls';
import { Icon } from './icons';
import { RunSelect } from './RunSelect';
import { StatePill } from './StatePill';
import type { PageActions } from './useKeys';
import { PHONE, useMedia } from './useMedia';

export function TopBar({ actions }: { actions: PageActions }) {
  const dashboard = useDashboard();
  const theme = useDash((state) => state.theme);
  const phone = useMedia(PHONE);
  return (
    <header className="topbar">
      <h1 className="brand">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M8 6v20h17" className="brand-a" />
          <path d="M16 6v12h9" className="brand-b" />
        </svg>
        <span>Lanecast</span>
      </h1>
      <RunSelect />
      <StatePill />
      {!phone && <Controls onStop={actions.stop} />}
      <Rate />
      <span className="spacer" />
      <ConnectionChip />
      <button
        type="button"
        className="icon-button search-button"
        data-testid="commands"
        onClick={() => actions.palette('commands')}
        aria-label="Find a command or an entity"
        title="Find a command or an entity (Ctrl K)"
      >
        <Icon name="search" />
      </button>
      <button
        type="button"
        className="icon-button"
        onClick={() => dashboard.toggleTheme()}
        aria-label={theme === 'dark' ? 'Use the light theme' : 'Use the dark theme'}
        title={theme === 'dark' ? 'Light theme (T)' : 'Dark theme (T)'}
      >
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
      <button
        type="button"
        className="icon-button help-button"
        onClick={actions.help}
        aria-label="Keyboard help"
        title="Keyboard help (?)"
      >
        <Icon name="help" />
      </button>
    </header>
  );
}

/** How fast the run goes: frames a second as they arrive, and simulated against real time where it is known. */
function Rate() {
  const framesPerS = useDash((state) => state.summary?.framesPerS ?? 0);
  const live = useDash((state) => state.summary?.link.state === 'open' && state.summary.hasFrame);
  // While it does not run, the last factor would be a claim about the present.
  const factor = useDash((state) =>
    state.info !== null && effectiveState(state.info) === 'running'
      ? realTimeFactor(state.summary?.metrics ?? {})
      : undefined,
  );
  return (
    <p className="rate" title="Frames received per second, and simulated time against real time">
      <b>{live ? formatRate(framesPerS) : '–'}</b> Hz
      {live && factor !== undefined && (
        <>
          <span className="dot" aria-hidden="true" />
          <b>{formatValue(factor)}</b>× real time
        </>
      )}
    </p>
  );
}
