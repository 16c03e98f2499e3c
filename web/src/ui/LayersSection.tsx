/** The layers of the run: how many entities each has, whether it is shown, how it is coloured. */
import type { LayerSummary } from '../engine/bridge';
import { formatCount, formatValue, humanise } from '../state/format';
import { useDash, useDashboard } from './context';
import { Icon } from './icons';
import { Section, Skeleton } from './Panel';

const ROLES: Readonly<Record<LayerSummary['role'], string>> = {
  entities: 'entities',
  lights: 'signal heads',
  edges: 'road edges',
  vectors: 'vectors',
  paths: 'points of ways',
  data: 'rows',
};

const NONE: readonly string[] = [];

export function LayersSection() {
  const dashboard = useDashboard();
  const layers = useDash((state) => state.summary?.layers ?? null);
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  const colour = useDash((state) => state.summary?.colour ?? 'speed');
  const leftOut = useDash((state) => state.summary?.leftOut ?? NONE);
  const tier = useDash((state) => state.summary?.tier?.replace('_', ' ') ?? '');
  const choice = layers?.some((layer) => layer.colours.length > 1) ?? false;
  return (
    <Section title="Entities" id="panel-entities">
      {layers === null || !hasFrame ? (
        <Skeleton lines={3} />
      ) : layers.length === 0 ? (
        <p className="hint">This run has sent no layers.</p>
      ) : (
        <ul className="layers">
          {layers.map((layer) => (
            <LayerRow key={layer.name} layer={layer} />
          ))}
          {leftOut.map((name) => (
            <li key={name} className="layer" data-visible="false">
              <span className="icon-space" />
              <span className="layer-name">
                {humanise(name)}
                <small>left out by the tier {tier}</small>
              </span>
            </li>
          ))}
        </ul>
      )}
      {choice && (
        <label className="field inline">
          <span>Colour by</span>
          <select
            value={colour}
            onChange={(event) => {
              const by = event.target.value === 'type' ? 'type' : 'speed';
              dashboard.send({ type: 'colour', by });
            }}
          >
            <option value="speed">Speed</option>
            <option value="type">Type</option>
          </select>
        </label>
      )}
    </Section>
  );
}

function LayerRow({ layer }: { layer: LayerSummary }) {
  const dashboard = useDashboard();
  const name = humanise(layer.name);
  return (
    <li className="layer" data-visible={layer.visible}>
      {layer.role === 'data' ? (
        <span className="icon-space" />
      ) : (
        <button
          type="button"
          className="icon-button small"
          data-testid={`show-${layer.name}`}
          aria-pressed={layer.visible}
          aria-label={`Show ${name}`}
          title={layer.visible ? 'Hide' : 'Show'}
          onClick={() =>
            dashboard.send({
              type: 'layer-visible',
              layer: layer.name,
              visible: !layer.visible,
            })
          }
        >
          <Icon name={layer.visible ? 'eye' : 'hidden'} />
        </button>
      )}
      <span className="layer-name">
        {name}
        <small>
          {layer.sent
            ? layer.cell == null
              ? ROLES[layer.role]
              : `cells of ${formatValue(layer.cell)}`
            : 'not sent'}
        </small>
      </span>
      <b data-testid={`layer-${layer.name}`} data-value={layer.rows} data-sent={layer.sent}>
        {formatCount(layer.rows)}
      </b>
    </li>
  );
}
