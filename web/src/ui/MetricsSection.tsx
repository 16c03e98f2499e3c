/** Small multiples: one chart for each metric of the run. */
import { useMemo } from 'react';
import { orderMetrics } from '../state/metrics';
import { useDash } from './context';
import { MetricChart } from './MetricChart';
import { Section } from './Panel';

/** More charts than this are hard to read; further metrics are in the run's data all the same. */
const MOST = 8;

export function MetricsSection() {
  // A string, so that ten summaries a second with the same names cause no render.
  const joined = useDash((state) => Object.keys(state.summary?.metrics ?? {}).join('\n'));
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  // A chart reads its colours once, so a new theme makes new ones.
  const theme = useDash((state) => state.theme);
  const names = useMemo(
    () => (joined === '' ? [] : orderMetrics(joined.split('\n')).slice(0, MOST)),
    [joined],
  );
  return (
    <Section title="Metrics">
      {names.length > 0 ? (
        names.map((name) => <MetricChart key={`${name} ${theme}`} name={name} />)
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
