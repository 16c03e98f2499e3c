/** What a close code of the viewer protocol asks of the viewer, and how to say it to a person. */

/**
 * - `resume`: connect again soon, with epoch and offset.
 * - `later`: connect again, but not before a generous pause.
 * - `token`: only a new token helps.
 * - `never`: connecting again would end the same way; only a person may decide to.
 */
export type Reconnect = 'resume' | 'later' | 'token' | 'never';

export interface CloseMeaning {
  reconnect: Reconnect;
  /** What happened. */
  cause: string;
  /** What the person in front of the page can do. */
  remedy: string;
}

const WAIT = 'Nothing to do: the page connects again by itself.';
const REPORT = 'Reload the page. If it happens again, the gateway and this page differ in version.';

const MEANINGS: Readonly<Record<number, CloseMeaning>> = {
  1000: m('never', 'The gateway has ended the connection: it is done.', 'Connect again if needed.'),
  1002: m('never', 'The gateway found a protocol error.', REPORT),
  1007: m('never', 'The gateway received text that is not UTF-8.', REPORT),
  1009: m('never', 'A message was over 64 KiB.', REPORT),
  1012: m('resume', 'The gateway restarts.', WAIT),
  4400: m('never', 'The gateway repeatedly did not understand this page.', REPORT),
  4401: m('token', 'The access token is missing or not valid.', 'Enter a valid token.'),
  4403: m('never', 'This was repeatedly not allowed.', 'Ask for the role that you need.'),
  4408: m('resume', 'The gateway waited 10 s for a token.', WAIT),
  4409: m('later', 'Too many connections of one user.', 'Close other tabs of this dashboard.'),
  4410: m('token', 'The access token has expired.', 'Enter a new token.'),
  4411: m('never', 'An operator has ended this connection.', 'Ask the operator, or connect again.'),
  4412: m('resume', 'The gateway saw no sign of life from this page.', WAIT),
  4413: m('resume', 'This page was too slow to take every message.', WAIT),
  4429: m('later', 'This page sent too many messages.', WAIT),
};

const LOST = m('resume', 'The connection was lost.', WAIT);

function m(reconnect: Reconnect, cause: string, remedy: string): CloseMeaning {
  return { reconnect, cause, remedy };
}

/** The meaning of a close code; one that the protocol does not list is a lost connection. */
export function closeMeaning(code: number): CloseMeaning {
  return MEANINGS[code] ?? LOST;
}

/** `retry_ms` in a close reason, written as JSON, `retry_ms=250` or `retry_ms: 250`; null without. */
export function retryMsFromReason(reason: string): number | null {
  const found = /retry_ms\D{0,4}(\d+)/.exec(reason);
  return found?.[1] === undefined ? null : Number(found[1]);
}
