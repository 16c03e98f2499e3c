/** Shows a component with a dashboard whose engine only writes down what it is told. */
import { render, type RenderResult } from '@testing-library/react';
import type { ReactNode } from 'react';
import { vi } from 'vitest';
import type { ToEngine } from '../../src/engine/bridge';
import { Dashboard } from '../../src/state/dashboard';
import { DashboardContext } from '../../src/ui/context';
import type { PageActions } from '../../src/ui/useKeys';
import { info } from '../helpers';
import { summary } from '../state/summaries';

export interface Shown extends RenderResult {
  dashboard: Dashboard;
  told: ToEngine[];
}

export function show(children: ReactNode): Shown {
  const told: ToEngine[] = [];
  const dashboard = new Dashboard(
    {
      postMessage: (message) => told.push(message),
      addEventListener: () => undefined,
      removeEventListener: () => undefined,
    },
    'http://gateway/',
  );
  dashboard.store.setState({ run: 'town', info: info(), summary: summary() });
  const shown = render(<DashboardContext value={dashboard}>{children}</DashboardContext>);
  return { ...shown, dashboard, told };
}

/** The page's actions, each a spy. */
export function actions(): PageActions {
  return {
    help: vi.fn<PageActions['help']>(),
    stop: vi.fn<PageActions['stop']>(),
    palette: vi.fn<PageActions['palette']>(),
    bottom: vi.fn<PageActions['bottom']>(),
    panel: vi.fn<PageActions['panel']>(),
    escape: vi.fn<PageActions['escape']>(() => false),
  };
}
