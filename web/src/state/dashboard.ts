/**
 * One dashboard: a store, the engine that feeds it, and what a person can do with its run. Nothing here is global: a page
 * holds up to four of them side by side (see `workspace.ts`).
 */
import type { FromEngine, ThemeName, ToEngine } from '../engine/bridge';
import type { CommandName, ParamValue, RunInfo } from '../protocol/messages';
import { Cameras } from './cameras';
import { asked, cleared } from './paramState';
import { hashForRuns } from './route';
import type { RunsStatus } from './runs';
import {
  createDashboardStore,
  receive,
  selectRun,
  type DashboardStore,
  type TierWish,
} from './store';
import { chooseTheme, currentTheme } from './theme';
import { readToken, writeToken } from './token';

/** What the dashboard needs of an engine: a Web Worker in the browser, anything else in a test. */
export interface EnginePort {
  postMessage(message: ToEngine, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
  terminate?(): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
}

export interface SceneSize {
  width: number;
  height: number;
  /** Device pixels per CSS pixel. */
  ratio: number;
}

/** What is not one dashboard's own affair. */
export interface DashboardHost {
  /** Shows this run in the place of the dashboard's own. */
  openRun(dashboard: Dashboard, run: string): void;
  themeChosen(theme: ThemeName): void;
  signedIn(token: string): void;
}

let made = 0;

export class Dashboard {
  /** Tells dashboards of one page apart. */
  readonly id = ++made;
  readonly store: DashboardStore = createDashboardStore(currentTheme());
  readonly cameras = new Cameras();
  private started = false;
  /** Whether camera pictures are looked at. */
  private images = true;

  constructor(
    readonly engine: EnginePort,
    private readonly base: string = document.baseURI,
    private readonly host: DashboardHost = aloneOnThePage,
  ) {
    engine.addEventListener('message', ({ data }) => {
      if (data.type === 'image') this.cameras.take(data.image);
      else receive(this.store, data, performance.now());
    });
  }

  /** Starts the engine for a scene of this size (CSS pixels) by its size. */
  readonly start = ({ width, height, ratio }: SceneSize): void => {
    if (this.started) return;
    this.started = true;
    const socket = new URL('ws', this.base);
    socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';
    this.engine.postMessage({
      type: 'start',
      width,
      height,
      ratio,
      socketUrl: stripped(socket),
      apiUrl: stripped(new URL('api', this.base)),
      token: readToken(),
      theme: currentTheme(),
    });
    this.tellWatch();
  };

  /** Watches this run from now on. */
  watch(run: string): void {
    if (run === this.store.getState().run) return;
    selectRun(this.store, run);
    this.cameras.clear();
    this.tellWatch();
  }

  /** Asks for a quality tier; `auto` leaves it to the gateway. */
  chooseTier(tierWish: TierWish): void {
    this.store.setState({ tierWish });
    this.tellWatch();
  }

  /** Camera pictures are looked at, or not any more: then they are not sent either. */
  showImages(on: boolean): void {
    if (on === this.images) return;
    this.images = on;
    this.tellWatch();
  }

  /** The list of runs, as the page has just learnt it. */
  takeRuns(status: RunsStatus, runs: readonly RunInfo[] | null): void {
    this.store.setState(runs === null ? { runsStatus: status } : { runsStatus: status, runs });
    const { run: watched, info } = this.store.getState();
    if (watched !== null && info === null && runs?.some((run) => run.id === watched)) {
      this.send({ type: 'appeared', run: watched });
    }
  }

  /** Ends the engine; the dashboard cannot be used again. */
  dispose(): void {
    this.cameras.clear();
    this.engine.terminate?.();
  }

  send(message: ToEngine, transfer: Transferable[] = []): void {
    this.engine.postMessage(message, transfer);
  }

  /** Chooses a run by way of the address, so that going back works. */
  openRun(run: string): void {
    this.host.openRun(this, run);
  }

  command(name: CommandName, args: Record<string, unknown> = {}): void {
    const { run } = this.store.getState();
    if (run === null) return;
    const commandId = newId();
    this.store.setState({
      command: { name, commandId, sinceMs: performance.now() },
      refusal: null,
    });
    this.send({ type: 'command', run, commandId, name, args });
  }

  setParam(name: string, value: ParamValue): void {
    const { run, params } = this.store.getState();
    if (run === null) return;
    const commandId = newId();
    this.store.setState({ params: asked(params, name, value, commandId, performance.now()) });
    this.send({
      type: 'command',
      run,
      commandId,
      name: 'set_params',
      args: { params: { [name]: value } },
    });
  }

  clearParam(name: string): void {
    this.store.setState(({ params }) => ({ params: cleared(params, name) }));
  }

  signIn(token: string): void {
    writeToken(token);
    this.send({ type: 'token', token });
    this.host.signedIn(token);
  }

  toggleTheme(): void {
    const theme = currentTheme() === 'dark' ? 'light' : 'dark';
    chooseTheme(theme);
    this.applyTheme(theme);
    this.host.themeChosen(theme);
  }

  applyTheme(theme: ThemeName): void {
    this.store.setState({ theme });
    this.send({ type: 'theme', theme });
  }

  private tellWatch(): void {
    const { run, tierWish: tier } = this.store.getState();
    if (this.started && run !== null) {
      this.send({ type: 'watch', run, tier, images: this.images });
    }
  }
}

/** A dashboard that shares the page with no other. */
const aloneOnThePage: DashboardHost = {
  openRun(_dashboard, run) {
    location.hash = hashForRuns([run]);
  },
  themeChosen() {},
  signedIn() {},
};

function stripped(url: URL): string {
  url.hash = '';
  url.search = '';
  return url.href;
}

/** `crypto.randomUUID` exists on secure origins only, and a gateway on a plain LAN address is not one. */
function newId(): string {
  if (typeof crypto.randomUUID === 'function') return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
