/** What quality this viewer gets, and what the run's worker limits for everybody, with the reason. */
import { formatRate, humanise } from '../state/format';
import { useDash } from './context';
import { Section } from './Panel';
import { TierSelect } from './TierSelect';

const NONE: readonly string[] = [];

export function QualitySection() {
  const tier = useDash((state) => state.summary?.tier ?? null);
  const perS = useDash((state) => formatRate(state.summary?.framesPerS ?? 0));
  const quality = useDash((state) => state.info?.quality ?? null);
  const leftOut = useDash((state) => state.summary?.leftOut ?? NONE);
  const tiers = Object.entries(quality?.tiers ?? {});
  return (
    <Section title="Quality">
      <TierSelect testid="tier-select" />
      <dl className="table">
        <div>
          <dt>Shown</dt>
          <dd>{tier === null ? '–' : `${tier.replace('_', ' ')}, ${perS} frames/s`}</dd>
        </div>
        {leftOut.length > 0 && (
          <div>
            <dt>Left out</dt>
            <dd>{leftOut.map(humanise).join(', ')}</dd>
          </div>
        )}
        {quality !== null && (
          <div data-testid="quality" data-level={quality.level}>
            <dt>Limited for everybody</dt>
            <dd>{quality.level === 0 ? 'nothing' : `level ${quality.level}: ${quality.reason}`}</dd>
          </div>
        )}
        {tiers.map(([name, fps]) => (
          <div key={name}>
            <dt>{humanise(name)}</dt>
            <dd>{formatRate(fps)} frames/s</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}
