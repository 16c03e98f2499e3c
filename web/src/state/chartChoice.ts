/** Which metrics have a chart: what the person chose for this kind of run, or the most telling ones. */
import { isPhase, orderMetrics } from './metrics';

/** More charts than this, unasked, are hard to read. */
export const MOST_BY_DEFAULT = 6;
const PER_PREFIX = 2;
const KEY = 'lanecast.charts.';

/** What each kind of run is judged by: its charts, if it has such metrics, come first. */
const BY_KIND: Readonly<Record<string, readonly string[]>> = {
  optimizer: ['energy', 'wire_length', 'overlaps', 'max_move'],
  city: ['running', 'mean_speed', 'traffic.mean_speed', 'energy.load_kw', 'waste.fill_mean'],
  driving: ['speed', 'lateral_error', 'time_to_collision', 'collisions'],
};

/** The kind's own metrics first, then those known by name; of each further prefix (`energy.`, `waste.`) two, so that no source crowds out the others. */
export function defaultCharts(names: readonly string[], kind = ''): string[] {
  const own = (BY_KIND[kind] ?? []).filter((name) => names.includes(name));
  const taken = new Map<string, number>();
  const chosen = orderMetrics(names).filter((name) => {
    // How many there are stands beside every layer.
    if (isPhase(name) || name.endsWith('.count')) return false;
    const dot = name.indexOf('.');
    if (dot < 0) return true;
    const prefix = name.slice(0, dot);
    const count = (taken.get(prefix) ?? 0) + 1;
    taken.set(prefix, count);
    return count <= PER_PREFIX;
  });
  return [...new Set([...own, ...chosen])].slice(0, MOST_BY_DEFAULT);
}

export function readCharts(kind: string): string[] | null {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY + kind) ?? 'null');
    if (!Array.isArray(kept)) return null;
    return kept.filter((name): name is string => typeof name === 'string');
  } catch {
    return null;
  }
}

/** Null goes back to the default. */
export function writeCharts(kind: string, names: readonly string[] | null): void {
  try {
    if (names === null) localStorage.removeItem(KEY + kind);
    else localStorage.setItem(KEY + kind, JSON.stringify(names));
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
}
