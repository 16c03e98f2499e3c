/** Pause, resume and stop. A button shows that it waits for the simulation's answer, and never acts ahead of it. */
import { useDash, useDashboard } from './context';
import { Icon } from './icons';
import { useSteering } from './useSteering';

export function Controls({ onStop }: { onStop: () => void }) {
  const dashboard = useDashboard();
  const { state, why } = useSteering();
  const waiting = useDash((dash) => dash.command?.name ?? null);
  const blocked = why !== null || waiting !== null;
  const paused = state === 'paused';
  return (
    <div className="controls" role="group" aria-label="Simulation">
      {paused ? (
        <button
          type="button"
          className="button primary"
          data-testid="resume"
          disabled={blocked}
          aria-busy={waiting === 'resume'}
          title={why ?? 'Resume (Space)'}
          onClick={() => dashboard.command('resume')}
        >
          <Icon name="play" />
          Resume
        </button>
      ) : (
        <button
          type="button"
          className="button"
          data-testid="pause"
          disabled={blocked}
          aria-busy={waiting === 'pause'}
          title={why ?? 'Pause (Space)'}
          onClick={() => dashboard.command('pause')}
        >
          <Icon name="pause" />
          Pause
        </button>
      )}
      {paused && (
        <button
          type="button"
          className="button"
          data-testid="step-once"
          disabled={blocked}
          aria-busy={waiting === 'step'}
          title={why ?? 'One step (→)'}
          onClick={() => dashboard.command('step', { steps: 1 })}
        >
          <Icon name="step" />
          Step
        </button>
      )}
      <button
        type="button"
        className="button"
        data-testid="stop"
        disabled={blocked}
        aria-busy={waiting === 'stop'}
        title={why ?? 'Stop the simulation'}
        onClick={onStop}
      >
        <Icon name="stop" />
        Stop
      </button>
    </div>
  );
}
