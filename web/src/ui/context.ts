/** How components reach their dashboard. */
import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { Dashboard } from '../state/dashboard';
import type { DashboardState } from '../state/store';

export const DashboardContext = createContext<Dashboard | null>(null);

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext);
  if (dashboard === null) throw new Error('expected a DashboardContext around this component');
  return dashboard;
}

/** Subscribes to a part of the state; the component renders again only when that part changes. */
export function useDash<T>(select: (state: DashboardState) => T): T {
  return useStore(useDashboard().store, select);
}
