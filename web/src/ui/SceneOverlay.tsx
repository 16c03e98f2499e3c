/** Words over the scene whenever it is not simply live: what is the matter, and what can be done. */
import { useState, type ReactNode } from 'react';
import { useShallow } from 'zustand/react/shallow';
import { formatBehind, formatCount, formatMs, formatSimTime } from '../state/format';
import { sceneCondition, type SceneCondition } from '../state/sceneCondition';
import { CopyCommand } from './CopyCommand';
import { useDash, useDashboard } from './context';
import { Icon, type IconName } from './icons';

export function SceneOverlay() {
  const condition = useDash(useShallow(sceneCondition));
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  const refusal = useDash((state) => state.refusal?.text ?? null);
  return (
    <div className="overlay" data-condition={condition.kind}>
      {refusal !== null && (
        <Banner icon="warning" tone="error">
          {refusal}
        </Banner>
      )}
      <Words condition={condition} hasFrame={hasFrame} />
      {/* Told once for each change; the words above may change ten times a second. */}
      <p className="visually-hidden" aria-live="polite">
        {refusal ?? SPOKEN[condition.kind] ?? ''}
      </p>
    </div>
  );
}

/** The states in words that do not change while they last. */
const SPOKEN: Partial<Record<SceneCondition['kind'], string>> = {
  'no-runs': 'No simulation is running yet.',
  'context-lost': 'The browser took the graphics context.',
  'gateway-down': 'The gateway does not answer.',
  closed: 'The connection is closed.',
  reconnecting: 'The connection was lost. Trying again.',
  waiting: 'Waiting for the first frame.',
  stale: 'Frames have stopped coming. Showing the last one.',
  slow: 'The connection is too slow. Showing the latest.',
  past: 'Looking back.',
  paused: 'Paused.',
  stopping: 'Stopping.',
  ended: 'The run has ended.',
  lost: 'The simulation has gone without a word.',
};

function Words({ condition, hasFrame }: { condition: SceneCondition; hasFrame: boolean }) {
  const timeS = useDash((state) => state.summary?.timeS ?? 0);
  switch (condition.kind) {
    case 'live':
      return null;
    case 'connecting':
      return hasFrame ? null : <Card icon="link" title="Connecting to the gateway…" quiet />;
    case 'reconnecting':
      return <Reconnecting condition={condition} hasFrame={hasFrame} />;
    case 'closed':
      return (
        <Card icon="broken" title={condition.cause}>
          <p>{condition.remedy}</p>
          {condition.needsToken ? <TokenForm /> : <RetryButton label="Connect again" />}
          {condition.code !== null && <small>Close code {condition.code}</small>}
        </Card>
      );
    case 'unsupported':
      return (
        <Card icon="warning" title="This browser cannot draw the scene">
          <p>
            It needs WebGL2 on an OffscreenCanvas; {condition.cause}. Figures, log and controls
            work. A current Chrome, Edge, Firefox or Safari with hardware acceleration draws it.
          </p>
        </Card>
      );
    case 'context-lost':
      return (
        <Card icon="warning" title="The browser took the graphics context">
          <p>The scene comes back as soon as the browser gives it again. Figures go on.</p>
          <button type="button" className="button" onClick={() => location.reload()}>
            Reload the page
          </button>
        </Card>
      );
    case 'gateway-down':
      return (
        <Card icon="broken" title={condition.cause}>
          <p>{condition.remedy}</p>
        </Card>
      );
    case 'no-runs':
      return (
        <Card icon="clock" title="No simulation is running yet">
          <p>Any program with a Redis client can publish one:</p>
          <CopyCommand />
        </Card>
      );
    case 'waiting':
      return <Waiting />;
    case 'stale':
      return (
        <Banner icon="clock" tone="warning">
          No frame for {formatMs(condition.silentMs)}. Showing the last one.
        </Banner>
      );
    case 'slow':
      return (
        <Banner icon="clock" tone="warning">
          Slow connection: showing latest; {formatCount(condition.skipped)} skipped.
        </Banner>
      );
    case 'resumed':
      return condition.gap ? (
        <Banner icon="warning" tone="warning">
          Back with a gap: messages from the time away may be missing.
        </Banner>
      ) : (
        <Banner icon="check" tone="ok">
          Back: nothing was missed.
        </Banner>
      );
    case 'past':
      return (
        <Banner icon="clock" tone="warning" action={<LiveButton />}>
          Looking back: {formatBehind(condition.behindS)}. This is not live.
        </Banner>
      );
    case 'paused':
      return (
        <Banner icon="pause" tone="warning">
          Paused at {formatSimTime(timeS)}
        </Banner>
      );
    case 'stopping':
      return (
        <Banner icon="stop" tone="warning">
          Stopping…
        </Banner>
      );
    case 'ended':
      return (
        <Banner icon="flag" tone="muted">
          {hasFrame
            ? `Ended at ${formatSimTime(timeS)}. These are the final figures.`
            : 'This run has ended.'}
        </Banner>
      );
    case 'lost':
      return (
        <Banner icon="warning" tone="error">
          The simulation has gone without a word. These are its last figures.
        </Banner>
      );
  }
}

function Reconnecting(props: {
  condition: Extract<SceneCondition, { kind: 'reconnecting' }>;
  hasFrame: boolean;
}) {
  const { condition, hasFrame } = props;
  const { retryInMs, attempt, cause } = condition;
  const seconds = retryInMs === null ? null : Math.ceil(retryInMs / 1000);
  const when = seconds === null || seconds === 0 ? 'Connecting…' : `Trying again in ${seconds} s.`;
  if (hasFrame) {
    return (
      <Banner icon="retry" tone="warning" action={<RetryButton label="Retry now" />}>
        {cause} {when}
      </Banner>
    );
  }
  return (
    <Card icon="retry" title={cause}>
      <p>
        {when} <span className="muted">Attempt {attempt}.</span>
      </p>
      <RetryButton label="Retry now" />
    </Card>
  );
}

function Waiting() {
  const run = useDash((state) => state.run);
  const known = useDash((state) => state.info !== null);
  return (
    <Card icon="clock" title="Waiting for the first frame">
      <p>
        {known
          ? 'The run is registered and has published nothing yet. A frame can be as small as this:'
          : 'The gateway does not know this run yet. It appears here as soon as it publishes:'}
      </p>
      <CopyCommand {...(run === null ? {} : { run })} />
    </Card>
  );
}

function RetryButton({ label }: { label: string }) {
  const dashboard = useDashboard();
  return (
    <button
      type="button"
      className="button primary"
      data-testid="retry-now"
      onClick={() => dashboard.send({ type: 'retry' })}
    >
      {label}
    </button>
  );
}

function LiveButton() {
  const dashboard = useDashboard();
  return (
    <button
      type="button"
      className="button"
      title="Back to the present (L)"
      onClick={() => dashboard.send({ type: 'look', to: 'live' })}
    >
      Live
    </button>
  );
}

function TokenForm() {
  const dashboard = useDashboard();
  const [token, setToken] = useState('');
  return (
    <form
      className="token-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (token.trim() !== '') dashboard.signIn(token.trim());
      }}
    >
      <label>
        <span>Access token</span>
        <input
          type="password"
          autoComplete="off"
          value={token}
          onChange={(event) => setToken(event.target.value)}
        />
      </label>
      <button type="submit" className="button primary">
        Connect
      </button>
    </form>
  );
}

function Card(props: { icon: IconName; title: string; quiet?: boolean; children?: ReactNode }) {
  return (
    <div className="card over" data-quiet={props.quiet === true}>
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

function Banner(props: { icon: IconName; tone: string; action?: ReactNode; children: ReactNode }) {
  return (
    <div className="banner over" data-tone={props.tone}>
      <Icon name={props.icon} />
      <span>{props.children}</span>
      {props.action}
    </div>
  );
}
