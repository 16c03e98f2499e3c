/** One metric: its name, its value now (or under the cursor) and its recent past. */
import { useEffect, useRef } from 'react';
import { formatValue } from '../state/format';
import { metricStyle } from '../state/metrics';
import type { Chart } from './chart';
import { cancelDraw, drawInTurn, inTurn } from './chartQueue';
import { useDash, useDashboard } from './context';

const UPDATE_EVERY_MS = 250;

export function MetricChart({ name }: { name: string }) {
  const dashboard = useDashboard();
  const value = useDash((state) => state.summary?.metrics[name]);
  const host = useRef<HTMLDivElement>(null);
  const cursor = useRef<HTMLElement>(null);
  const { title, unit } = metricStyle(name);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    let chart: Chart | null = null;
    let gone = false;
    const { history } = dashboard.store.getState();
    const observer = new ResizeObserver(() => chart?.resize(element.clientWidth));
    const draw = (): void => chart?.update();
    const timer = setInterval(() => drawInTurn(draw), UPDATE_EVERY_MS);
    const make = async (): Promise<void> => {
      const { createChart } = await import('./chart');
      await inTurn();
      if (gone) return;
      chart = createChart(element, history, name, (text) => {
        // Straight to the element: a moving cursor is no reason to render.
        if (cursor.current !== null) cursor.current.textContent = text ?? '';
      });
      chart.update();
      observer.observe(element);
    };
    void make();
    return () => {
      gone = true;
      clearInterval(timer);
      cancelDraw(draw);
      observer.disconnect();
      chart?.destroy();
    };
  }, [dashboard, name]);

  return (
    <figure className="metric">
      <figcaption>
        <span>{title}</span>
        <i ref={cursor} className="at-cursor" />
        <span className="metric-value">
          <b data-testid={`metric-${name}`} data-value={value ?? ''}>
            {formatValue(value)}
          </b>
          <small>{unit}</small>
        </span>
      </figcaption>
      <div ref={host} className="chart" role="img" aria-label={`${title} over simulation time`} />
    </figure>
  );
}
