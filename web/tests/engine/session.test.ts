import { beforeEach, expect, test } from 'vitest';
import { Session, type Action, type SessionEvent } from '../../src/engine/session';
import type {
  LosslessMessage,
  SubscribedMessage,
  ViewerMessage,
} from '../../src/protocol/messages';
import { frame, info } from '../helpers';

let session: Session;
let now: number;

beforeEach(() => {
  session = new Session(() => 0.5);
  now = 1000;
});

function sent(actions: Action[]): ViewerMessage[] {
  return actions.flatMap((action) => (action.do === 'send' ? [action.message] : []));
}

function events(actions: Action[]): SessionEvent[] {
  return actions.flatMap((action) =>
    action.do === 'emit' && action.event.kind !== 'link' ? [action.event] : [],
  );
}

function subscribed(more: Partial<SubscribedMessage> = {}): SubscribedMessage {
  return {
    type: 'subscribed',
    run: 'town',
    tier: 'high',
    epoch: 'e1',
    offset: '1-5',
    recovered: false,
    info: info(),
    ...more,
  };
}

function status(offset: string, prev: string): LosslessMessage {
  return { type: 'status', run: 'town', offset, prev, level: 'info', text: offset };
}

/** A session that watches `town` and is connected. */
function connected(): void {
  session.start(null, now);
  session.watch('town', 'auto', now);
  session.opened(now);
  session.received({ type: 'welcome', role: 'controller' }, now);
  session.drain();
  session.received(subscribed(), now);
  session.drain();
}

test('it connects, waits for the welcome, and only then subscribes', () => {
  session.start(null, now);
  session.watch('town', 'auto', now);
  session.opened(now);
  expect(sent(session.drain())).toEqual([]);
  session.received({ type: 'welcome', role: 'viewer' }, now);
  expect(sent(session.drain())).toEqual([{ type: 'subscribe', run: 'town', tier: 'auto' }]);
  expect(session.state).toBe('open');
  expect(session.role).toBe('viewer');
});

test('it sends the token first when the gateway asks for one', () => {
  session.start('secret', now);
  session.watch('town', 'auto', now);
  session.received({ type: 'welcome', auth: true }, now);
  expect(sent(session.drain()).map((message) => message.type)).toEqual(['auth', 'subscribe']);
});

test('the welcome that answers the token brings the role and asks for nothing twice', () => {
  session.start('secret', now);
  session.watch('town', 'auto', now);
  session.received({ type: 'welcome', auth: true, role: null }, now);
  session.drain();
  session.received({ type: 'welcome', auth: false, role: 'viewer' }, now);
  expect(sent(session.drain())).toEqual([]);
  expect(session.role).toBe('viewer');
});

test('a token is kept to itself when the gateway asks for none', () => {
  session.start('secret', now);
  session.received({ type: 'welcome' }, now);
  expect(sent(session.drain())).toEqual([]);
});

test('without a token it stops and says that it needs one, and goes on when it has it', () => {
  session.start(null, now);
  session.received({ type: 'welcome', auth: true }, now);
  expect(session.state).toBe('closed');
  expect(session.trouble?.reconnect).toBe('token');
  session.drain();
  session.start('fresh', now);
  expect(session.drain()[0]).toEqual({ do: 'connect' });
});

test('lossless messages are given on once and in order', () => {
  connected();
  session.received(status('1-6', '1-5'), now);
  session.received(status('1-6', '1-5'), now);
  session.received(status('1-5', '1-4'), now);
  session.received(status('1-10', '1-6'), now);
  expect(events(session.drain()).map((event) => 'message' in event && event.message)).toMatchObject(
    [{ text: '1-6' }, { text: '1-10' }],
  );
});

test('a result that the gateway gave itself has no place in the stream and passes', () => {
  connected();
  session.received(
    { type: 'result', run: 'town', offset: null, prev: null, command_id: 'c', ok: false },
    now,
  );
  expect(events(session.drain())).toHaveLength(1);
});

test('a resume names the epoch and the last lossless offset', () => {
  connected();
  session.received(status('1-6', '1-5'), now);
  session.closed(1006, '', now);
  session.tick(now + 20_000);
  session.received({ type: 'welcome' }, now);
  expect(sent(session.drain())).toContainEqual({
    type: 'subscribe',
    run: 'town',
    tier: 'auto',
    epoch: 'e1',
    offset: '1-6',
  });
});

test('a recovered resume goes on from its own offset; one that was not starts from the given one', () => {
  connected();
  session.received(status('1-6', '1-5'), now);
  session.closed(1006, '', now);
  session.retryNow(now);
  session.drain();
  session.received({ type: 'welcome' }, now);
  session.received(subscribed({ recovered: true, offset: '1-9' }), now);
  session.received(status('1-7', '1-6'), now);
  const first = events(session.drain());
  expect(first[0]).toMatchObject({ kind: 'subscribed', arrival: 'recovered' });
  expect(first[1]).toMatchObject({ kind: 'lossless' });

  session.closed(1006, '', now);
  session.retryNow(now);
  session.received({ type: 'welcome' }, now);
  session.received(subscribed({ epoch: 'e2', offset: '1-2' }), now);
  session.received(status('1-3', '1-2'), now);
  const second = events(session.drain());
  expect(second[0]).toMatchObject({ kind: 'subscribed', arrival: 'gap' });
  expect(second[1]).toMatchObject({ kind: 'lossless' });
});

test('a hole in the lossless stream is filled by a resume, once', () => {
  connected();
  session.received(status('1-8', '1-7'), now);
  const first = session.drain();
  expect(events(first)).toEqual([]);
  expect(sent(first)).toMatchObject([{ type: 'subscribe', offset: '1-5' }]);
  // What was on its way already comes again with the answer.
  session.received(status('1-9', '1-8'), now);
  session.received(subscribed({ recovered: true }), now);
  session.received(status('1-8', '1-7'), now);
  session.received(status('1-9', '1-8'), now);
  const after = session.drain();
  expect(sent(after)).toEqual([]);
  expect(events(after).filter((event) => event.kind === 'lossless')).toHaveLength(2);
});

test('a lost connection is tried again, later and later', () => {
  session.start(null, now);
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    session.closed(1006, '', now);
    expect(session.state).toBe('reconnecting');
    waits.push((session.retryAtMs ?? 0) - now);
    now = session.retryAtMs ?? now;
    session.tick(now);
    expect(session.state).toBe('connecting');
  }
  expect(waits).toEqual([225, 338, 506, 759, 1139, 1709, 2563]);
});

test('a gateway that restarts says itself when to come back', () => {
  connected();
  session.closed(1012, '{"retry_ms": 80}', now);
  expect(session.retryAtMs).toBe(now + 80);
});

test.each([1000, 1002, 4400, 4403])(
  'code %i is final until somebody wants it otherwise',
  (code) => {
    connected();
    session.closed(code, '', now);
    session.tick(now + 60_000);
    expect(session.state).toBe('closed');
    session.retryNow(now);
    expect(session.state).toBe('connecting');
  },
);

test.each([4409, 4429])('code %i asks for patience', (code) => {
  connected();
  session.closed(code, '', now);
  expect((session.retryAtMs ?? 0) - now).toBeGreaterThanOrEqual(5000);
});

test('a stream that breaks off while connected is a gap, and goes on from the new place', () => {
  connected();
  session.received(subscribed({ epoch: 'e2', offset: '1-0' }), now);
  session.received(status('1-1', '1-0'), now);
  expect(events(session.drain())).toMatchObject([
    { kind: 'subscribed', arrival: 'gap' },
    { kind: 'lossless' },
  ]);
});

test('another tier is no news', () => {
  connected();
  session.watch('town', 'low', now);
  session.received(subscribed({ tier: 'low', recovered: true }), now);
  const actions = session.drain();
  expect(sent(actions)).toMatchObject([{ type: 'subscribe', tier: 'low' }]);
  expect(events(actions)).toMatchObject([{ kind: 'subscribed', arrival: 'again' }]);
});

test('silence for seven seconds is a lost connection', () => {
  connected();
  session.tick(now + 6000);
  expect(session.state).toBe('open');
  session.drain();
  session.tick(now + 7100);
  expect(session.state).toBe('reconnecting');
  expect(session.drain()).toContainEqual({ do: 'abandon' });
});

test('it pings every two seconds', () => {
  connected();
  let pings = 0;
  for (let t = 0; t <= 6000; t += 100) {
    session.received({ type: 'pong', t: 0, server_ms: 0 }, now + t);
    session.tick(now + t);
    pings += sent(session.drain()).filter((message) => message.type === 'ping').length;
  }
  expect(pings).toBe(4);
});

test('another run is subscribed after the old one was given up', () => {
  connected();
  session.watch('harbour', 'auto', now);
  expect(sent(session.drain())).toEqual([
    { type: 'unsubscribe', run: 'town' },
    { type: 'subscribe', run: 'harbour', tier: 'auto' },
  ]);
  session.received(frame({ run: 'town' }), now);
  expect(events(session.drain())).toEqual([]);
});

test('a run that does not exist yet is asked for again once it does, and not before', () => {
  session.start(null, now);
  session.watch('soon', 'auto', now);
  session.received({ type: 'welcome' }, now);
  session.received(
    { type: 'error', code: 'unknown_run', message: 'no such run', run: 'soon' },
    now,
  );
  session.drain();
  session.tick(now + 6000);
  expect(sent(session.drain())).toMatchObject([{ type: 'ping' }]);
  session.appeared('soon', now + 6000);
  session.appeared('soon', now + 6000);
  expect(sent(session.drain())).toEqual([{ type: 'subscribe', run: 'soon', tier: 'auto' }]);
});

test('keyframes are asked for, but not over and over', () => {
  connected();
  session.askKeyframe(now);
  session.askKeyframe(now + 100);
  session.askKeyframe(now + 1100);
  expect(sent(session.drain())).toEqual([
    { type: 'keyframe', run: 'town' },
    { type: 'keyframe', run: 'town' },
  ]);
});

test('nothing is sent while there is nobody to hear it', () => {
  session.start(null, now);
  expect(session.trySend({ type: 'keyframe', run: 'town' })).toBe(false);
});

test('it asks for less than everything only if that is wanted, and again when the wish changes', () => {
  connected();
  session.watch('town', 'auto', now, { images: false, layers: ['lights', 'vehicles'] });
  expect(sent(session.drain())).toMatchObject([
    { type: 'subscribe', images: false, layers: ['lights', 'vehicles'] },
  ]);
  session.watch('town', 'auto', now, { images: false, layers: ['lights', 'vehicles'] });
  expect(sent(session.drain())).toEqual([]);
  session.watch('town', 'auto', now, { images: true, layers: null });
  const [again] = sent(session.drain());
  expect(again).not.toHaveProperty('images');
  expect(again).not.toHaveProperty('layers');
});
