/**
 * The page: the dashboards that it shows side by side, as its address names them, and the one that the panels belong to.
 *
 * Each run has an engine of its own (a worker with its own connection and canvas): a run that is heavy, stalled or refused
 * disturbs none of the others.
 */
import { createStore, type StoreApi } from 'zustand/vanilla';
import type { ThemeName } from '../engine/bridge';
import type { RunInfo } from '../protocol/messages';
import { Dashboard, type DashboardHost, type EnginePort } from './dashboard';
import { hashForRuns, MOST_RUNS, runsFromHash } from './route';
import { fetchRuns, POLL_MS } from './runs';
import { onSystemTheme } from './theme';
import { readToken } from './token';

export interface WorkspaceState {
  dashboards: readonly Dashboard[];
  /** Which of them the bar, the panels and the keys belong to. */
  focused: number;
}

export class Workspace implements DashboardHost {
  readonly store: StoreApi<WorkspaceState>;

  constructor(
    private readonly makeEngine: () => EnginePort,
    private readonly base: string = document.baseURI,
  ) {
    const first = this.make(false);
    this.store = createStore<WorkspaceState>(() => ({ dashboards: [first], focused: 0 }));
  }

  get focused(): Dashboard {
    const { dashboards, focused } = this.store.getState();
    return dashboards[focused] ?? (dashboards[0] as Dashboard);
  }

  /** Follows the address and the list of runs from now on. */
  start(): void {
    this.followAddress();
    addEventListener('hashchange', () => this.followAddress());
    onSystemTheme((theme) => {
      for (const dashboard of this.store.getState().dashboards) dashboard.applyTheme(theme);
    });
    void this.poll();
  }

  focus(at: number): void {
    if (at !== this.store.getState().focused) this.store.setState({ focused: at });
  }

  /** Shows another run beside those that are there. */
  addRun(run: string): void {
    const runs = this.runs();
    if (!runs.includes(run) && runs.length < MOST_RUNS) location.hash = hashForRuns([...runs, run]);
  }

  closeRun(run: string): void {
    const runs = this.runs().filter((other) => other !== run);
    if (runs.length > 0) location.hash = hashForRuns(runs);
  }

  openRun(dashboard: Dashboard, run: string): void {
    const own = dashboard.store.getState().run;
    const runs = this.runs().map((other) => (other === own ? run : other));
    location.hash = hashForRuns(runs.length === 0 ? [run] : [...new Set(runs)]);
  }

  themeChosen(theme: ThemeName): void {
    for (const dashboard of this.store.getState().dashboards) {
      if (dashboard.store.getState().theme !== theme) dashboard.applyTheme(theme);
    }
  }

  signedIn(token: string): void {
    for (const dashboard of this.store.getState().dashboards) {
      if (dashboard.store.getState().summary?.link.needsToken === true) {
        dashboard.send({ type: 'token', token });
      }
    }
    void this.refreshRuns();
  }

  /** The runs that are shown, in order. */
  runs(): string[] {
    return this.store.getState().dashboards.flatMap(({ store }) => store.getState().run ?? []);
  }

  private make(made = true): Dashboard {
    const dashboard = new Dashboard(this.makeEngine(), this.base, this);
    // The panels belong to one of them, and it says so.
    if (made) dashboard.showImages(false);
    return dashboard;
  }

  private followAddress(): void {
    const runs = runsFromHash(location.hash);
    if (runs.length === 0) return;
    const before = this.store.getState();
    // Whoever shows one of the runs goes on with it: a run that stays must not blink.
    const kept = new Map(before.dashboards.map((one) => [one.store.getState().run, one]));
    const free = before.dashboards.filter((one) => {
      const { run } = one.store.getState();
      return run === null || !runs.includes(run);
    });
    const dashboards = runs.map((run) => kept.get(run) ?? free.shift() ?? this.make());
    dashboards.forEach((dashboard, at) => dashboard.watch(runs[at] ?? ''));
    const focused = Math.max(0, dashboards.indexOf(this.focused));
    this.store.setState({ dashboards, focused });
    for (const dashboard of free) dashboard.dispose();
    const { runs: listed, runsStatus } = before.dashboards[0]?.store.getState() ?? {};
    for (const dashboard of dashboards) {
      if (runsStatus !== undefined && !before.dashboards.includes(dashboard)) {
        dashboard.takeRuns(runsStatus, listed ?? null);
      }
    }
  }

  private async poll(): Promise<void> {
    // A hidden page asks for nothing; it catches up when it is looked at again.
    if (!document.hidden) await this.refreshRuns();
    setTimeout(() => void this.poll(), POLL_MS);
  }

  private async refreshRuns(): Promise<void> {
    const { status, runs } = await fetchRuns(new URL('api', this.base).href, readToken());
    for (const dashboard of this.store.getState().dashboards) dashboard.takeRuns(status, runs);
    if (runs !== null) this.openFirst(runs);
  }

  private openFirst(runs: readonly RunInfo[]): void {
    const first = runs.find((run) => run.state === 'running') ?? runs[0];
    if (first === undefined || this.runs().length > 0) return;
    // Replaced, not pushed: "back" should not lead to a page without a run.
    history.replaceState(null, '', hashForRuns([first.id]));
    this.followAddress();
  }
}
