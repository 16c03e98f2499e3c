/** Where the time of a simulation step goes, if the run says so. */
import { formatMs, humanise } from '../state/format';
import { useDash } from './context';
import { Section } from './Panel';

export function PhasesSection() {
  const phases = useDash((state) => state.summary?.phases ?? null);
  const entries = Object.entries(phases ?? {});
  if (entries.length === 0) return null;
  const total = entries.reduce((sum, [, ms]) => sum + ms, 0);
  return (
    <Section title="Step time" aside={<b className="figure">{formatMs(total)}</b>}>
      <ul className="phases">
        {entries.map(([name, ms]) => (
          <li key={name}>
            <span>{humanise(name)}</span>
            <meter min={0} max={Math.max(total, 0.001)} value={ms} aria-label={humanise(name)} />
            <b>{formatMs(ms)}</b>
          </li>
        ))}
      </ul>
    </Section>
  );
}
