/** The selected entity, with everything that the simulation says about it. */
import { formatValue, humanise } from '../state/format';
import { useDash, useDashboard } from './context';
import { Icon } from './icons';
import { Section } from './Panel';

export function InspectorSection() {
  const dashboard = useDashboard();
  const selection = useDash((state) => state.summary?.selection ?? null);
  if (selection === null) {
    return (
      <Section title="Inspector" id="panel-inspector">
        <p className="hint inspector-empty">
          Click an entity in the scene, or press <kbd>]</kbd>, to see what it is doing.
        </p>
      </Section>
    );
  }
  const close = (
    <button
      type="button"
      className="icon-button small"
      aria-label="Clear the selection"
      onClick={() => dashboard.send({ type: 'select', layer: null, id: 0 })}
    >
      <Icon name="close" />
    </button>
  );
  return (
    <Section title="Inspector" id="panel-inspector" aside={close}>
      <div className="inspector" data-testid="inspector" data-present={selection.present}>
        <p className="inspector-name">
          <b>{selection.name}</b>
          <span>{humanise(selection.layer)}</span>
        </p>
        {!selection.present && (
          <p className="hint">It has left the simulation. These are its last values.</p>
        )}
        <dl className="table">
          {selection.fields.map((field) => (
            <div key={field.name}>
              <dt>{humanise(field.name)}</dt>
              <dd>
                {typeof field.value === 'number' ? formatValue(field.value) : field.value}
                {field.unit !== null && <small> {field.unit === 'deg' ? '°' : field.unit}</small>}
              </dd>
            </div>
          ))}
        </dl>
      </div>
    </Section>
  );
}
