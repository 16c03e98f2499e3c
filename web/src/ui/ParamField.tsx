/**
 * One parameter: an input of its type, and where its last change has got to.
 *
 * The input shows what the simulation uses, except while somebody edits it or a change waits for its answer.
 */
import { useId, useState } from 'react';
import type { Param, ParamValue } from '../protocol/messages';
import { humanise } from '../state/format';
import { parseParam } from '../state/paramInput';
import { IDLE, type ParamChange } from '../state/paramState';
import { useDash, useDashboard } from './context';
import { Icon, type IconName } from './icons';

export interface ParamFieldProps {
  name: string;
  param: Param;
  /** The value that the simulation uses now. */
  current: ParamValue | undefined;
  locked: boolean;
}

export function ParamField({ name, param, current, locked }: ParamFieldProps) {
  const dashboard = useDashboard();
  const change = useDash((state) => state.params[name] ?? IDLE);
  const [draft, setDraft] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  const pending = change.phase === 'pending';
  const shown = draft ?? `${(pending ? change.wanted : current) ?? ''}`;
  const title = param.title || humanise(name);

  const edit = (text: string): void => {
    setDraft(text);
    setProblem(null);
    dashboard.clearParam(name);
  };
  const commit = (text: string): void => {
    const parsed = parseParam(param, text);
    if (!parsed.ok) {
      setProblem(parsed.error);
      return;
    }
    setDraft(null);
    setProblem(null);
    if (parsed.value !== current || change.phase === 'rejected') {
      dashboard.setParam(name, parsed.value);
    }
  };
  const revert = (): void => {
    setDraft(null);
    setProblem(null);
  };

  const common = {
    id,
    disabled: locked,
    'data-testid': `param-${name}`,
    'aria-describedby': `${id}-state`,
    'aria-invalid': problem !== null || change.phase === 'rejected',
  };
  return (
    <div className="param" data-phase={problem === null ? change.phase : 'rejected'}>
      <label htmlFor={id}>
        {title}
        {param.unit != null && <small>{param.unit}</small>}
      </label>
      {param.type === 'bool' ? (
        <input
          {...common}
          type="checkbox"
          role="switch"
          checked={shown === 'true'}
          aria-checked={shown === 'true'}
          onChange={(event) => commit(`${event.target.checked}`)}
        />
      ) : param.type === 'choice' ? (
        <select {...common} value={shown} onChange={(event) => commit(event.target.value)}>
          {(param.choices ?? [shown]).map((choice) => (
            <option key={choice}>{choice}</option>
          ))}
        </select>
      ) : (
        <NumberInput
          common={common}
          param={param}
          title={title}
          shown={shown}
          onEdit={edit}
          onCommit={commit}
          onRevert={revert}
          dirty={draft !== null}
        />
      )}
      <StateMark
        id={`${id}-state`}
        name={name}
        change={change}
        problem={problem}
        current={current}
      />
    </div>
  );
}

function NumberInput(props: {
  common: object;
  param: Param;
  title: string;
  shown: string;
  dirty: boolean;
  onEdit: (text: string) => void;
  onCommit: (text: string) => void;
  onRevert: () => void;
}) {
  const { param, shown, onEdit, onCommit, onRevert } = props;
  const step = param.step ?? (param.type === 'int' ? 1 : 'any');
  const limits = {
    ...(param.min == null ? {} : { min: param.min }),
    ...(param.max == null ? {} : { max: param.max }),
    step,
  };
  const ranged = param.min != null && param.max != null;
  return (
    <div className="number" data-ranged={ranged}>
      {ranged && (
        <input
          type="range"
          {...limits}
          // Without a step of its own a float moves in hundredths of its range.
          step={
            param.step ?? (param.type === 'int' ? 1 : ((param.max ?? 1) - (param.min ?? 0)) / 100)
          }
          value={shown}
          disabled={'disabled' in props.common && props.common.disabled === true}
          aria-label={`${props.title}, slider`}
          aria-valuetext={`${shown} ${param.unit ?? ''}`}
          onChange={(event) => onEdit(event.target.value)}
          onPointerUp={(event) => onCommit(event.currentTarget.value)}
          onKeyUp={(event) => {
            if (props.dirty) onCommit(event.currentTarget.value);
          }}
        />
      )}
      <input
        {...props.common}
        type="number"
        inputMode={param.type === 'int' ? 'numeric' : 'decimal'}
        {...limits}
        value={shown}
        onChange={(event) => onEdit(event.target.value)}
        onBlur={(event) => {
          if (props.dirty) onCommit(event.target.value);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onCommit(event.currentTarget.value);
          if (event.key === 'Escape') onRevert();
        }}
      />
    </div>
  );
}

const MARKS: Readonly<Record<'pending' | 'ok' | 'rejected', { icon: IconName; word: string }>> = {
  pending: { icon: 'clock', word: 'Waiting for the simulation' },
  ok: { icon: 'check', word: 'Acknowledged' },
  rejected: { icon: 'cross', word: 'Rejected' },
};

function StateMark(props: {
  id: string;
  name: string;
  change: ParamChange;
  problem: string | null;
  current: ParamValue | undefined;
}) {
  const { id, name, change, problem, current } = props;
  const phase = problem === null ? change.phase : 'rejected';
  const mark = phase === 'idle' ? null : MARKS[phase];
  let text = mark?.word ?? '';
  if (phase === 'rejected') text = problem ?? change.error ?? text;
  // The simulation may take a value and make something else of it; then it is told as it is.
  if (phase === 'ok' && current !== undefined && current !== change.wanted) {
    text = `Acknowledged as ${current}`;
  }
  return (
    <p
      id={id}
      className="param-state"
      data-testid={`param-${name}-state`}
      data-state={phase}
      role="status"
    >
      {mark !== null && (
        <>
          <Icon name={mark.icon} />
          {text}
        </>
      )}
    </p>
  );
}
