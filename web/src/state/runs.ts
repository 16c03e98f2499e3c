/** The list of runs, asked for again and again. */
import type { RunInfo } from '../protocol/messages';

export type RunsStatus =
  { state: 'loading' } | { state: 'ok' } | { state: 'failed'; cause: string; remedy: string };

export const POLL_MS = 2000;

/** Asks once. Never throws: a failure is an answer that the page shows. */
export async function fetchRuns(
  apiUrl: string,
  token: string | null,
): Promise<{ status: RunsStatus; runs: RunInfo[] | null }> {
  try {
    const headers: Record<string, string> = { accept: 'application/json' };
    if (token !== null) headers['authorization'] = `Bearer ${token}`;
    const response = await fetch(`${apiUrl}/runs`, { headers, cache: 'no-store' });
    if (!response.ok) return { status: refusal(response.status), runs: null };
    const body = (await response.json()) as { runs?: RunInfo[] };
    return { status: { state: 'ok' }, runs: body.runs ?? [] };
  } catch {
    return {
      status: {
        state: 'failed',
        cause: 'The gateway does not answer.',
        remedy: 'Check that it is running; this page keeps trying.',
      },
      runs: null,
    };
  }
}

function refusal(status: number): RunsStatus {
  if (status === 401 || status === 403) {
    return {
      state: 'failed',
      cause: 'The gateway asks for an access token.',
      remedy: 'Enter a valid token.',
    };
  }
  const cause = `The gateway answered ${status} to the list of runs.`;
  const remedy =
    status >= 500
      ? 'It may have lost its Redis server; its log says more. This page keeps trying.'
      : 'Reload the page. If it happens again, the gateway and this page differ in version.';
  return { state: 'failed', cause, remedy };
}
