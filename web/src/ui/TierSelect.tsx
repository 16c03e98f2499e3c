/** Which quality tier is asked for. What comes is in the connection chip: the gateway may have reasons for another. */
import { TIERS, type TierWish } from '../state/store';
import { useDash, useDashboard } from './context';

const WORDS: Readonly<Record<TierWish, string>> = {
  auto: 'Automatic',
  ultra_low: 'Ultra low',
  low: 'Low',
  medium: 'Medium',
  high: 'High',
  ultra: 'Ultra',
};

export function TierSelect({ testid }: { testid: string }) {
  const dashboard = useDashboard();
  const wish = useDash((state) => state.tierWish);
  return (
    <label className="field inline">
      <span>Quality tier</span>
      <select
        data-testid={testid}
        value={wish}
        onChange={(event) => {
          const chosen = (['auto', ...TIERS] as const).find((one) => one === event.target.value);
          if (chosen !== undefined) dashboard.chooseTier(chosen);
        }}
      >
        {(['auto', ...TIERS] as const).map((tier) => (
          <option key={tier} value={tier}>
            {WORDS[tier]}
          </option>
        ))}
      </select>
    </label>
  );
}
