/** Keeps the scene of the run that is watched: fetched when its version is new, and again until it has come. */
import type { SceneStatus } from './bridge';
import { loadScene } from './sceneLoader';
import { buildSceneMesh, type SceneMesh } from './sceneMesh';

const RETRY_MS = 3000;

export interface SceneFeedEvents {
  /** Where scenes are fetched from, asked for each time: the person may have signed in meanwhile. */
  source(): { apiUrl: string; token: string | null };
  show(mesh: SceneMesh | null, status: SceneStatus): void;
  status(status: SceneStatus): void;
  log(text: string): void;
}

export class SceneFeed {
  private version: string | null = null;
  private abort = new AbortController();

  constructor(private readonly events: SceneFeedEvents) {}

  /** The run has this scene; null: none. */
  follow(run: string | null, version: string | null): void {
    if (run === null || version === this.version) return;
    this.forget();
    this.version = version;
    this.abort = new AbortController();
    if (version === null) {
      this.events.show(null, { state: 'none' });
      return;
    }
    this.events.status({ state: 'loading' });
    void this.fetch(run, version, this.abort.signal);
  }

  /** Another run: what is on its way belongs to nobody. */
  forget(): void {
    this.abort.abort();
    this.version = null;
  }

  private async fetch(run: string, version: string, signal: AbortSignal): Promise<void> {
    const { source, show, status, log } = this.events;
    try {
      const { apiUrl, token } = source();
      const payload = await loadScene(apiUrl, run, version, token, signal);
      if (signal.aborted) return;
      const mesh = buildSceneMesh(payload);
      show(mesh, { state: 'ready', lines: mesh.lineIds.length });
    } catch (error) {
      if (signal.aborted) return;
      const cause = error instanceof Error ? error.message : String(error);
      status({ state: 'failed', cause });
      log(`The map could not be loaded: ${cause}. Trying again.`);
      setTimeout(() => {
        if (!signal.aborted) void this.fetch(run, version, signal);
      }, RETRY_MS);
    }
  }
}
