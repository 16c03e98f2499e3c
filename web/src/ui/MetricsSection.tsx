/** Small multiples: one chart for each metric that was chosen, all with one cursor. */
import { useMemo, useState } from 'react';
import { defaultCharts, readCharts, writeCharts } from '../state/chartChoice';
import { isPhase, metricStyle, orderMetrics } from '../state/metrics';
import { useDash } from './context';
import { MetricChart } from './MetricChart';
import { Section } from './Panel';

export function MetricsSection() {
  // A string, so that ten summaries a second with the same names cause no render.
  const joined = useDash((state) => Object.keys(state.summary?.metrics ?? {}).join('\n'));
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  const kind = useDash((state) => state.info?.kind ?? '');
  // A chart reads its colours once, so a new theme makes new ones.
  const theme = useDash((state) => state.theme);
  const names = useMemo(
    () => orderMetrics(joined.split('\n').filter((name) => name !== '' && !isPhase(name))),
    [joined],
  );
  const [choices, setChoices] = useState<Readonly<Record<string, readonly string[] | null>>>({});
  const [choosing, setChoosing] = useState(false);
  const chosen = choices[kind] === undefined ? readCharts(kind) : choices[kind];
  const shown =
    chosen === null ? defaultCharts(names, kind) : names.filter((name) => chosen.includes(name));
  const choose = (next: readonly string[] | null): void => {
    writeCharts(kind, next);
    setChoices({ ...choices, [kind]: next });
  };
  const aside = names.length > 1 && (
    <button
      type="button"
      className="link-button"
      aria-expanded={choosing}
      data-testid="choose-charts"
      onClick={() => setChoosing(!choosing)}
    >
      {choosing ? 'Done' : `Choose (${shown.length} of ${names.length})`}
    </button>
  );
  return (
    <Section title="Metrics" aside={aside}>
      {choosing && (
        <fieldset className="chooser">
          <legend className="visually-hidden">Metrics that have a chart</legend>
          {names.map((name) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={shown.includes(name)}
                onChange={(event) =>
                  choose(
                    event.target.checked
                      ? [...shown, name]
                      : shown.filter((other) => other !== name),
                  )
                }
              />
              {metricStyle(name).title}
            </label>
          ))}
          <button type="button" className="link-button" onClick={() => choose(null)}>
            Back to the usual ones
          </button>
        </fieldset>
      )}
      {shown.length > 0 ? (
        shown.map((name) => <MetricChart key={`${name} ${theme}`} name={name} />)
      ) : names.length > 0 ? (
        <p className="hint">No metric is chosen.</p>
      ) : hasFrame ? (
        <p className="hint">This run has sent no metrics.</p>
      ) : (
        <div className="skeleton charts" aria-hidden="true">
          <span />
          <span />
          <span />
          <span />
        </div>
      )}
    </Section>
  );
}
