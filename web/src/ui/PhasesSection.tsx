/** Where the time of a simulation step goes, if the run says so, and what that means against real time. */
import { formatMs, formatValue, humanise } from '../state/format';
import { realTimeFactor, stepPhases } from '../state/metrics';
import { useDash } from './context';
import { Section } from './Panel';

/** As many as `--part-N` in `styles/panels.css`. */
const COLOURS = 6;

export function PhasesSection() {
  const phases = useDash((state) => state.summary?.phases ?? NONE);
  const metrics = useDash((state) => state.summary?.metrics ?? NONE);
  const entries = stepPhases(phases, metrics);
  if (entries.length === 0) return null;
  const total = entries.reduce((sum, [, ms]) => sum + ms, 0);
  const factor = realTimeFactor(metrics);
  return (
    <Section title="Step time" aside={<b className="figure">{formatMs(total)}</b>}>
      <div className="stack" aria-hidden="true">
        {entries.map(([name, ms], index) => (
          <i
            key={name}
            style={{ flexGrow: Math.max(0, ms), background: colour(index) }}
            title={humanise(name)}
          />
        ))}
      </div>
      <ul className="phases">
        {entries.map(([name, ms], index) => (
          <li key={name}>
            <i style={{ background: colour(index) }} />
            <span>{humanise(name)}</span>
            <b>{formatMs(ms)}</b>
          </li>
        ))}
        {factor !== undefined && (
          <li className="factor">
            <span>Against real time</span>
            <b>{formatValue(factor)}×</b>
          </li>
        )}
      </ul>
    </Section>
  );
}

function colour(index: number): string {
  return `var(--part-${index % COLOURS})`;
}

const NONE: Readonly<Record<string, number>> = {};
