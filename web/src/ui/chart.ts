/** One small chart. In a module of its own, with uPlot, so that both load after the first paint. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatSimTime, formatValue } from '../state/format';
import type { MetricHistory } from '../state/metricHistory';

/** The least that the time axis spans, in seconds. */
const SHORTEST_S = 10;

export interface Chart {
  /** Shows what the history holds now, if that is more than before. */
  update(): void;
  resize(width: number): void;
  destroy(): void;
}

export const CHART_HEIGHT = 76;
const AXIS_FONT = '11px system-ui, sans-serif';

export function createChart(
  host: HTMLElement,
  history: MetricHistory,
  name: string,
  onCursor: (text: string | null) => void,
): Chart {
  const colour = (token: string): string => {
    // By way of a real property: a token itself may be an expression, which a canvas does not understand.
    host.style.color = `var(${token})`;
    const { color } = getComputedStyle(host);
    host.style.color = '';
    return color;
  };
  const axis = { stroke: colour('--muted'), font: AXIS_FONT, ticks: { show: false } };
  const plot = new uPlot(
    {
      width: Math.max(80, host.clientWidth),
      height: CHART_HEIGHT,
      // Room for half of a label with hours, which may stand at the very end of the axis.
      padding: [6, 18, 0, 0],
      legend: { show: false },
      // One cursor for all charts: they share the time axis.
      cursor: {
        y: false,
        sync: { key: 'lanecast-metrics', setSeries: false },
        points: { size: 6 },
        drag: { setScale: false, x: false, y: false },
      },
      scales: {
        x: { time: false, range: (_plot, min, max) => xRange(min, max) },
        y: { range: (_plot, min, max) => yRange(min, max) },
      },
      axes: [
        {
          ...axis,
          size: 18,
          gap: 2,
          space: 70,
          grid: { show: false },
          values: (_plot, splits) =>
            splits.map((split) => (split < 0 ? '' : formatSimTime(split).replace(/\.0$/, ''))),
        },
        {
          ...axis,
          size: 38,
          gap: 4,
          space: 24,
          grid: { stroke: colour('--line'), width: 1 },
          values: (_plot, splits, _axis, _space, step) =>
            splits.map((split) => axisLabel(split, step)),
        },
      ],
      series: [
        {},
        {
          stroke: colour('--accent'),
          width: 1.5,
          fill: colour('--accent-soft'),
          points: { show: false },
          spanGaps: true,
        },
      ],
      hooks: {
        setCursor: [
          (self) => {
            const at = self.cursor.idx;
            const time = at == null ? undefined : self.data[0][at];
            const value = at == null ? undefined : self.data[1]?.[at];
            onCursor(time === undefined ? null : `${formatValue(value)} at ${formatSimTime(time)}`);
          },
        ],
      },
    },
    [[], []],
    host,
  );
  let shown = -1;
  return {
    update() {
      if (history.version === shown) return;
      shown = history.version;
      // uPlot keeps what it is given, and the history goes on changing.
      plot.setData([history.times.slice(), history.values(name).slice()]);
    },
    resize(width) {
      plot.setSize({ width: Math.max(80, width), height: CHART_HEIGHT });
    },
    destroy() {
      plot.destroy();
    },
  };
}

/** All labels of an axis have the same number of decimals: as many as its step needs. */
function axisLabel(value: number, step: number): string {
  if (Math.abs(value) >= 10_000) return `${(value / 1000).toFixed(step < 1000 ? 1 : 0)}k`;
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** Some seconds at least: a single point would be drawn on an axis as long as the time since zero. */
export function xRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, SHORTEST_S];
  return [Math.min(min, max - SHORTEST_S), max];
}

/** From zero where that costs little room; a flat line gets some air. */
function yRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null) return [0, 1];
  const low = min >= 0 && min < max * 0.6 ? 0 : min;
  const span = max - low || Math.abs(max) || 1;
  return [low === 0 ? 0 : low - span * 0.1, max + span * 0.12];
}
