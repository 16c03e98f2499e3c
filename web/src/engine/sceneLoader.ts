/** Fetches a run's static scene. The gateway names scenes by version, so the browser's cache does the rest. */
import { decode } from '@msgpack/msgpack';
import type { ScenePayload } from './sceneMesh';

export class SceneError extends Error {
  override name = 'SceneError';
}

export async function loadScene(
  apiUrl: string,
  run: string,
  version: string,
  token: string | null,
  signal: AbortSignal,
): Promise<ScenePayload> {
  const url = `${apiUrl}/runs/${encodeURIComponent(run)}/scene?v=${encodeURIComponent(version)}`;
  const headers: Record<string, string> = { accept: 'application/msgpack' };
  if (token !== null) headers['authorization'] = `Bearer ${token}`;
  const response = await fetch(url, { headers, signal });
  if (!response.ok) {
    throw new SceneError(`the gateway answered ${response.status} for the scene of ${run}`);
  }
  const body = await response.arrayBuffer();
  const json = response.headers.get('content-type')?.includes('json') ?? false;
  return json
    ? (JSON.parse(new TextDecoder().decode(body)) as ScenePayload)
    : (decode(new Uint8Array(body)) as ScenePayload);
}
