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
  energy: { title: 'Energy', unit: '' },
  max_move: { title: 'Largest move', unit: '' },
  overlaps: { title: 'Overlaps', unit: 'pairs' },
  wire_length: { title: 'Wire length', unit: '' },
  'traffic.mean_speed': { title: 'Traffic: mean speed', unit: 'm/s' },
  'traffic.running': { title: 'Traffic: running', unit: 'vehicles' },
  'energy.load_kw': { title: 'Energy: load', unit: 'kW' },
  'energy.generation_kw': { title: 'Energy: generation', unit: 'kW' },
  'waste.fill_mean': { title: 'Waste: mean fill', unit: '' },
  'sim.real_time_factor': { title: 'Real-time factor', unit: '×' },
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

const PHASE = /^phase\.(.+)_ms$/;

/** Whether a metric is a part of the step time; such a one is shown with the others of its sort, not as a chart. */
export function isPhase(name: string): boolean {
  return PHASE.test(name);
}

/** Where the time of a step goes, in milliseconds: what the run says itself, else its `phase.NAME_ms` metrics. */
export function stepPhases(
  phases: Readonly<Record<string, number>>,
  metrics: Readonly<Record<string, number>>,
): [name: string, ms: number][] {
  const own = Object.entries(phases);
  if (own.length > 0) return own;
  return Object.entries(metrics).flatMap(([name, ms]) => {
    const phase = PHASE.exec(name)?.[1];
    return phase === undefined ? [] : [[phase, ms]];
  });
}

/** Simulated against real time, where the run tells it. */
export function realTimeFactor(metrics: Readonly<Record<string, number>>): number | undefined {
  return metrics['real_time_factor'] ?? metrics['sim.real_time_factor'];
}
