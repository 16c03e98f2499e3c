/** Everything that can be done, as a list: what the palette offers now. */
import type { Dashboard } from '../state/dashboard';
import { MOST_RUNS } from '../state/route';
import { effectiveState, isLive, runTitle } from '../state/runState';
import { TIERS } from '../state/store';
import type { Workspace } from '../state/workspace';
import { humanise } from '../state/format';
import { DRAWINGS } from './drawings';
import { PANELS } from './panels';
import { steeringBarrier } from './useSteering';
import { step, togglePause, type PageActions } from './useKeys';

export interface Command {
  title: string;
  keys?: string;
  hint?: string;
  /** Why it does not work now. */
  why?: string | null;
  run(): void;
}

export function commandsFor(
  dashboard: Dashboard,
  workspace: Workspace,
  actions: PageActions,
): Command[] {
  return [
    ...steering(dashboard, actions),
    ...view(dashboard),
    ...page(dashboard, actions),
    ...otherRuns(dashboard, workspace),
  ];
}

function steering(dashboard: Dashboard, actions: PageActions): Command[] {
  const { info, summary } = dashboard.store.getState();
  const state = info === null ? null : effectiveState(info);
  const why = steeringBarrier(state, summary?.link.state ?? 'idle', summary?.link.role ?? null);
  const paused = state === 'paused';
  return [
    {
      title: paused ? 'Resume the simulation' : 'Pause the simulation',
      keys: 'Space',
      why,
      run: () => togglePause(dashboard),
    },
    {
      title: 'One step',
      keys: '→',
      why: why ?? (paused ? null : 'Only while paused'),
      run: () => void step(dashboard, 1),
    },
    { title: 'Stop the simulation…', why: isLive(state) ? why : 'Not running', run: actions.stop },
  ];
}

function view(dashboard: Dashboard): Command[] {
  const { summary } = dashboard.store.getState();
  const commands: Command[] = [
    {
      title: 'Live: the present',
      keys: 'L',
      why: summary?.history?.at == null ? 'This is live' : null,
      run: () => dashboard.send({ type: 'look', to: 'live' }),
    },
    { title: 'Fit the whole scene', keys: '0', run: () => dashboard.send({ type: 'fit' }) },
    {
      title: summary?.follow === true ? 'Stop following' : 'Follow the selected entity',
      keys: 'F',
      why: summary?.selection == null ? 'Nothing is selected' : null,
      run: () => dashboard.send({ type: 'follow', on: summary?.follow !== true }),
    },
    {
      title: summary?.vectors === true ? 'Hide vectors' : 'Show vectors',
      keys: 'V',
      run: () => dashboard.send({ type: 'vectors', on: summary?.vectors !== true }),
    },
  ];
  if (summary?.trails !== undefined) {
    const { trails } = summary;
    commands.push({
      title: trails ? 'Hide trails' : 'Show trails',
      run: () => dashboard.send({ type: 'trails', on: !trails }),
    });
    for (const [tier, word] of DRAWINGS) {
      commands.push({
        title: `Draw by: ${word}`,
        run: () => dashboard.send({ type: 'drawing', tier }),
      });
    }
  }
  for (const layer of summary?.layers ?? []) {
    if (layer.role === 'data') continue;
    commands.push({
      title: `${layer.visible ? 'Hide' : 'Show'} layer: ${humanise(layer.name)}`,
      run: () =>
        dashboard.send({ type: 'layer-visible', layer: layer.name, visible: !layer.visible }),
    });
  }
  for (const tier of ['auto', ...TIERS] as const) {
    commands.push({
      title: `Quality tier: ${tier.replace('_', ' ')}`,
      run: () => dashboard.chooseTier(tier),
    });
  }
  return commands;
}

function page(dashboard: Dashboard, actions: PageActions): Command[] {
  const theme = dashboard.store.getState().theme === 'dark' ? 'light' : 'dark';
  return [
    { title: 'Find an entity…', keys: '/', run: () => actions.palette('entities') },
    ...PANELS.map((panel, index) => ({
      title: `Go to: ${panel.title}`,
      keys: `${index + 1}`,
      run: () => actions.panel(index + 1),
    })),
    { title: 'Table of entities', keys: 'B', run: () => actions.bottom('table') },
    { title: `Use the ${theme} theme`, keys: 'T', run: () => dashboard.toggleTheme() },
    { title: 'Reconnect now', run: () => dashboard.send({ type: 'retry' }) },
    { title: 'Keyboard help', keys: '?', run: actions.help },
  ];
}

function otherRuns(dashboard: Dashboard, workspace: Workspace): Command[] {
  const { runs, run: own } = dashboard.store.getState();
  const shown = workspace.runs();
  const commands: Command[] = [];
  for (const info of runs) {
    if (info.id === own) continue;
    commands.push({ title: `Open: ${runTitle(info)}`, run: () => dashboard.openRun(info.id) });
    if (shown.includes(info.id)) continue;
    commands.push({
      title: `Show beside: ${runTitle(info)}`,
      why: shown.length >= MOST_RUNS ? `No more than ${MOST_RUNS} at once` : null,
      run: () => workspace.addRun(info.id),
    });
  }
  if (shown.length > 1 && own !== null) {
    commands.push({ title: 'Close this run', run: () => workspace.closeRun(own) });
  }
  return commands;
}
