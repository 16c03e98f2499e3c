/** The scene: a canvas that the engine draws on, and what lies over it. */
import { useRef, useState } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { RendererStatus } from '../engine/bridge';
import { rampGradient } from '../engine/render/palette';
import { formatCount, formatSimTime, formatValue, scaleBar } from '../state/format';
import { isDimmed, sceneCondition } from '../state/sceneCondition';
import { drawingFromQuery } from '../state/route';
import { useDash, useDashboard } from './context';
import { DRAWINGS } from './drawings';
import { Icon, type IconName } from './icons';
import { Minimap } from './Minimap';
import { SceneOverlay } from './SceneOverlay';
import { useStage } from './useStage';

export function SceneView() {
  const host = useRef<HTMLDivElement>(null);
  const dashboard = useDashboard();
  const [minimap, setMinimap] = useState(false);
  useStage(host, dashboard);
  const dimmed = useDash((state) => isDimmed(sceneCondition(state)));
  const drawn = useDash(
    useShallow((state) => ({
      entities: state.summary?.entitiesDrawn ?? 0,
      frames: state.summary?.framesDrawn ?? 0,
      renderer: state.summary?.renderer.state === 'ready' ? state.summary.renderer.name : 'none',
    })),
  );
  return (
    <div
      ref={host}
      className="scene"
      data-testid="scene"
      data-entities={drawn.entities}
      data-frames={drawn.frames}
      data-renderer={drawn.renderer}
      data-dimmed={dimmed}
      role="application"
      aria-label={`Scene with ${formatCount(drawn.entities)} entities. Arrow keys move, plus and minus zoom, square brackets select.`}
      // The scene takes keys of its own, so it must be able to have the focus.
      // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
    >
      <SimClock />
      <SceneTools minimap={minimap} onMinimap={() => setMinimap(!minimap)} />
      {minimap && <Minimap />}
      <SceneFoot renderer={drawn.renderer} entities={drawn.entities} />
      <SceneOverlay />
    </div>
  );
}

function SimClock() {
  const time = useDash((state) => (state.summary?.hasFrame === true ? state.summary.timeS : null));
  const step = useDash((state) => state.summary?.step ?? 0);
  return (
    <div className="sim-clock over">
      <b data-testid="sim-time" data-value={time ?? ''}>
        {time === null ? '–:––.–' : formatSimTime(time)}
      </b>
      <span data-testid="step" data-value={time === null ? '' : step}>
        {time === null ? 'no frame yet' : `step ${formatCount(step)}`}
      </span>
    </div>
  );
}

function SceneTools({ minimap, onMinimap }: { minimap: boolean; onMinimap: () => void }) {
  const dashboard = useDashboard();
  const follow = useDash((state) => state.summary?.follow ?? false);
  const vectors = useDash((state) => state.summary?.vectors ?? false);
  const trails = useDash((state) => state.summary?.trails);
  const selected = useDash((state) => state.summary?.selection?.present ?? false);
  return (
    <div className="scene-tools over" role="group" aria-label="View">
      <Tool icon="fit" label="Fit" hint="Fit (0)" onClick={() => dashboard.send({ type: 'fit' })} />
      <Tool
        icon="follow"
        label="Follow"
        hint={selected ? 'Follow the selected entity (F)' : 'Select an entity to follow it'}
        pressed={follow}
        disabled={!selected && !follow}
        onClick={() => dashboard.send({ type: 'follow', on: !follow })}
      />
      <Tool
        icon="vectors"
        label="Vectors"
        hint="Velocity vectors: one second of travel (V)"
        pressed={vectors}
        onClick={() => dashboard.send({ type: 'vectors', on: !vectors })}
      />
      {trails !== undefined && (
        <>
          <Tool
            icon="trails"
            label="Trails"
            hint="The way of the last seconds"
            pressed={trails}
            onClick={() => dashboard.send({ type: 'trails', on: !trails })}
          />
          <Tool
            icon="map"
            label="Minimap"
            hint="The whole scene in the corner"
            pressed={minimap}
            onClick={onMinimap}
          />
          <label className="tool drawing">
            <span className="visually-hidden">Draw by</span>
            <select
              data-testid="drawing"
              title="How the scene is drawn"
              defaultValue={drawingFromQuery(location.search)}
              onChange={(event) => {
                const tier = DRAWINGS.find(([value]) => value === event.target.value)?.[0];
                if (tier !== undefined) dashboard.send({ type: 'drawing', tier });
              }}
            >
              {DRAWINGS.map(([value, word]) => (
                <option key={value} value={value}>
                  {word}
                </option>
              ))}
            </select>
          </label>
        </>
      )}
    </div>
  );
}

function Tool(props: {
  icon: IconName;
  label: string;
  hint: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
}) {
  return (
    <button
      type="button"
      className="tool"
      aria-label={props.label}
      title={props.hint}
      aria-pressed={props.pressed}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

function SceneFoot({ renderer, entities }: { renderer: string; entities: number }) {
  const scale = useDash((state) => state.summary?.scale ?? 1);
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  const state = useDash((dash) => dash.summary?.renderer.state ?? 'starting');
  const bar = scaleBar(scale, 120);
  return (
    <div className="scene-foot">
      <Legend />
      <span className="spacer" />
      {hasFrame && (
        <span className="scale-bar" aria-label={`Scale: this long is ${bar.label}`}>
          <i style={{ width: bar.px }} />
          {bar.label}
        </span>
      )}
      <span className="tier-badge" title="How the scene is drawn, and how many entities">
        {renderer === 'none' ? WITHOUT[state] : `${renderer} · ${formatCount(entities)}`}
      </span>
    </div>
  );
}

/** What the badge says while nothing draws. */
const WITHOUT: Readonly<Record<RendererStatus['state'], string>> = {
  starting: 'Starting …',
  ready: 'Starting …',
  lost: 'Drawing lost',
  unsupported: 'No drawing',
};

function Legend() {
  const theme = useDash((state) => state.theme);
  const max = useDash((state) => state.summary?.speedMax ?? null);
  if (max === null) return null;
  return (
    <div className="legend">
      <span>Speed</span>
      <b>0</b>
      <i style={{ background: rampGradient(theme) }} />
      <b>{formatValue(max)} m/s</b>
    </div>
  );
}
