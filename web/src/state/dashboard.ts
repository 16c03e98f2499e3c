/**
 * One dashboard: a store, the engine that feeds it, and what a person can do. Nothing here is global, so that a page may
 * hold two of them side by side.
 */
import type { FromEngine, ThemeName, ToEngine } from '../engine/bridge';
import type { CommandName, ParamValue } from '../protocol/messages';
import { asked, cleared } from './paramState';
import { hashForRun, runFromHash } from './route';
import { fetchRuns, POLL_MS } from './runs';
import { createDashboardStore, receive, selectRun, type DashboardStore } from './store';
import { chooseTheme, currentTheme, onSystemTheme } from './theme';
import { readToken, writeToken } from './token';

/** What the dashboard needs of an engine: a Web Worker in the browser, anything else in a test. */
export interface EnginePort {
  postMessage(message: ToEngine, transfer?: Transferable[]): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
  removeEventListener(type: 'message', listener: (event: MessageEvent<FromEngine>) => void): void;
}

export interface SceneSize {
  width: number;
  height: number;
  /** Device pixels per CSS pixel. */
  ratio: number;
}

export class Dashboard {
  readonly store: DashboardStore = createDashboardStore(currentTheme());
  private started = false;

  constructor(
    readonly engine: EnginePort,
    private readonly base: string = document.baseURI,
  ) {
    engine.addEventListener('message', (event) =>
      receive(this.store, event.data, performance.now()),
    );
  }

  /** Starts the engine for a scene of this size (CSS pixels) and follows the address. */
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
      apiUrl: this.apiUrl,
      token: readToken(),
      theme: currentTheme(),
    });
    this.followAddress();
    addEventListener('hashchange', () => this.followAddress());
    onSystemTheme((theme) => this.applyTheme(theme));
    void this.poll();
  };

  send(message: ToEngine): void {
    this.engine.postMessage(message);
  }

  /** Chooses a run by way of the address, so that going back works. */
  openRun(run: string): void {
    location.hash = hashForRun(run);
  }

  command(name: CommandName): void {
    const { run } = this.store.getState();
    if (run === null) return;
    const commandId = newId();
    this.store.setState({
      command: { name, commandId, sinceMs: performance.now() },
      refusal: null,
    });
    this.send({ type: 'command', run, commandId, name, args: {} });
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
    void this.refreshRuns();
  }

  toggleTheme(): void {
    const theme = currentTheme() === 'dark' ? 'light' : 'dark';
    chooseTheme(theme);
    this.applyTheme(theme);
  }

  private get apiUrl(): string {
    return stripped(new URL('api', this.base));
  }

  private applyTheme(theme: ThemeName): void {
    this.store.setState({ theme });
    this.send({ type: 'theme', theme });
  }

  private followAddress(): void {
    const run = runFromHash(location.hash);
    if (run === null || run === this.store.getState().run) return;
    selectRun(this.store, run);
    this.send({ type: 'watch', run, tier: 'auto' });
  }

  private async poll(): Promise<void> {
    // A hidden page asks for nothing; it catches up when it is looked at again.
    if (!document.hidden) await this.refreshRuns();
    setTimeout(() => void this.poll(), POLL_MS);
  }

  private async refreshRuns(): Promise<void> {
    const { status, runs } = await fetchRuns(this.apiUrl, readToken());
    this.store.setState(runs === null ? { runsStatus: status } : { runsStatus: status, runs });
    const { run: watched, info } = this.store.getState();
    if (watched !== null && info === null && runs?.some((run) => run.id === watched)) {
      this.send({ type: 'appeared', run: watched });
    }
    const first = runs?.find((run) => run.state === 'running') ?? runs?.[0];
    if (this.store.getState().run === null && first !== undefined) {
      // Replaced, not pushed: "back" should not lead to a page without a run.
      history.replaceState(null, '', hashForRun(first.id));
      this.followAddress();
    }
  }
}

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
