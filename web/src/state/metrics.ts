/** Titles, units and order of the metrics that are known by name; any other is shown by its own name. */
import { humanise } from './format';

export interface MetricStyle {
  title: string;
  unit: string;
}

const KNOWN: Readonly<Record<string, MetricStyle>> = {
  running: { title: 'Running', unit: 'vehicles' },
  mean_speed: { title: 'Mean speed', unit: 'm/s' },
  waiting: { title: 'Waiting', unit: 'vehicles' },
  halting: { title: 'Halting', unit: 'vehicles' },
  real_time_factor: { title: 'Real-time factor', unit: '×' },
  arrived: { title: 'Arrived', unit: 'vehicles' },
  departed: { title: 'Departed', unit: 'vehicles' },
  teleported: { title: 'Teleported', unit: 'vehicles' },
  mean_waiting_time: { title: 'Mean waiting time', unit: 's' },
  mean_travel_time: { title: 'Mean travel time', unit: 's' },
  steps_per_s: { title: 'Step rate', unit: 'steps/s' },
  co2: { title: 'CO₂', unit: 'mg/s' },
};
const ORDER = Object.keys(KNOWN);

export function metricStyle(name: string): MetricStyle {
  return KNOWN[name] ?? { title: humanise(name), unit: '' };
}

function rank(name: string): number {
  const at = ORDER.indexOf(name);
  return at < 0 ? ORDER.length : at;
}

/** Known metrics first, in a fixed order, then the others by name: charts do not change places. */
export function orderMetrics(names: readonly string[]): string[] {
  return names.toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}
