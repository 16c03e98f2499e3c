/** The access token: for this tab only, and never in an address. */
const KEY = 'lanecast.token';

export function readToken(): string | null {
  return sessionStorage.getItem(KEY);
}

export function writeToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}
