/**
 * A TEST DOUBLE of the gateway: speaks the viewer protocol and serves the built page, for looking at the dashboard and for
 * tests of it. It is never shipped, and its town is made up.
 *
 *   npm run build && npm run double            # then open http://127.0.0.1:8090
 *
 * POST /test/NAME changes what it does: `silence` and `speak` stop and restart frames, `cut` drops every connection,
 * `down` refuses new ones until `up`, `close?code=N` closes with a code, `forget` makes resumes fail, `skip?count=N`
 * tells of skipped frames. The run `suburb` is the town once more, `harbour` has published nothing.
 */
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from '@msgpack/msgpack';
import { WebSocketServer } from 'ws';
import { cameraPicture } from './camera.mjs';
import { Chain } from './chain.mjs';
import { Streets } from './streets.mjs';

const DIST = fileURLToPath(new URL('../../dist', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
/** The policy that the real gateway sends: what breaks it must break here too. */
const CSP =
  "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; " +
  "style-src 'self' 'unsafe-inline'; connect-src 'self' ws: wss:; img-src 'self' data: blob:";

const PARAMS = {
  demand: { type: 'float', value: 1, min: 0.1, max: 3, step: 0.1, unit: '×', title: 'Demand' },
  max_speed: { type: 'float', value: 13.9, min: 2, max: 30, step: 0.1, unit: 'm/s' },
  rerouting: { type: 'bool', value: false, title: 'Rerouting' },
  weather: { type: 'choice', value: 'dry', choices: ['dry', 'rain', 'snow'], title: 'Weather' },
};

/** The runs that show the town. */
const TITLES = { town: 'Old town, morning peak', suburb: 'Suburb, the same morning' };
const QUALITY = {
  level: 1,
  tiers: { low: 10, high: 10 },
  reason: 'the worker is at 82 % of its core',
};

function send(response, type, body) {
  response.writeHead(200, { 'content-type': type }).end(body);
}

function tell(viewer, message) {
  if (viewer.socket.readyState === 1) viewer.socket.send(encode(message));
}

function number(offset) {
  return Number(offset.split('-')[1]);
}

function welcomeFor(viewer) {
  return {
    type: 'welcome',
    protocol: 'lanecast.v1',
    node: 'double-1',
    role: viewer.ready ? 'controller' : null,
    server_ms: Date.now(),
    auth: !viewer.ready,
    limits: {},
  };
}

export function startDouble({ port = 0, vehicles = 400, hz = 10, token = null } = {}) {
  const streets = new Streets(vehicles);
  const chain = new Chain();
  const epoch = 'e1';
  const control = { paused: false, stopping: false, params: streets.params };
  let state = 'running';
  let silent = false;
  let down = false;
  let frameNumber = 0;
  let lossless = [];
  let losslessNumber = 0;
  let forgetful = false;
  const viewers = new Set();
  const startedMs = Date.now();

  const info = (id = 'town') => ({
    id,
    title: TITLES[id] ?? 'Harbour (nothing yet)',
    kind: 'traffic',
    state: id in TITLES ? state : 'created',
    metadata: { network: 'grid' },
    params: id in TITLES ? PARAMS : {},
    control: id in TITLES ? control : { paused: false, stopping: false, params: {} },
    layers: {
      vehicles: { columns: { speed: { dtype: 'f4', unit: 'm/s' }, angle: { unit: '°' } } },
    },
    scene: id in TITLES ? '1' : null,
    quality: id in TITLES ? QUALITY : null,
    producer: 'double',
    created_ms: startedMs,
    updated_ms: Date.now(),
    epoch,
  });

  const http = createServer((request, response) => {
    const url = new URL(request.url, 'http://double');
    if (request.method === 'POST' && url.pathname.startsWith('/test/')) return steer(url, response);
    if (url.pathname === '/api/runs') {
      return send(
        response,
        'application/json',
        JSON.stringify({ runs: [info(), info('suburb'), info('harbour')] }),
      );
    }
    if (/^\/api\/runs\/(town|suburb)\/scene$/.test(url.pathname)) {
      return send(response, 'application/msgpack', encode(streets.scene()));
    }
    const path = normalize(url.pathname === '/' ? '/index.html' : url.pathname);
    const file = join(DIST, path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-security-policy': CSP,
    });
    createReadStream(file).pipe(response);
  });

  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('lanecast.v1') ? 'lanecast.v1' : false),
  });
  http.on('upgrade', (request, socket, head) => {
    if (down) return socket.destroy();
    sockets.handleUpgrade(request, socket, head, welcome);
  });

  function welcome(socket) {
    const viewer = { socket, run: null, ready: token === null, layers: null, images: true };
    viewers.add(viewer);
    socket.on('close', () => viewers.delete(viewer));
    socket.on('message', (data) => hear(viewer, decode(data)));
    tell(viewer, welcomeFor(viewer));
  }

  function hear(viewer, message) {
    if (!viewer.ready) {
      if (message.type !== 'auth' || message.token !== token) return viewer.socket.close(4401);
      viewer.ready = true;
      tell(viewer, welcomeFor(viewer));
      return;
    }
    if (message.type === 'ping') {
      tell(viewer, { type: 'pong', t: message.t, server_ms: Date.now() });
    } else if (message.type === 'subscribe') subscribe(viewer, message);
    else if (message.type === 'unsubscribe') viewer.run = null;
    else if (message.type === 'keyframe') keyframe(viewer);
    else if (message.type === 'command') setTimeout(() => obey(viewer, message), 250);
  }

  function subscribe(viewer, { run, tier, epoch: theirs, offset, layers, images }) {
    viewer.run = run;
    viewer.layers = layers ?? null;
    viewer.images = images !== false;
    viewer.tier = tier === undefined || tier === 'auto' ? 'high' : tier;
    const resumes = offset !== undefined && theirs === epoch && !forgetful;
    const missed = resumes
      ? lossless.filter((message) => number(message.offset) > number(offset))
      : [];
    tell(viewer, {
      type: 'subscribed',
      run,
      tier: viewer.tier,
      epoch,
      offset: resumes ? offset : `1-${losslessNumber}`,
      recovered: resumes,
      info: info(run),
    });
    if (!(run in TITLES)) return;
    for (const message of missed) tell(viewer, { ...message, run });
    keyframe(viewer);
  }

  function keyframe(viewer) {
    if (!(viewer.run in TITLES) || frameNumber === 0) return;
    tell(viewer, frame(viewer, true, chain.key(), streets.metrics()));
  }

  function frame({ run, tier, layers: wanted }, key, all, metrics) {
    const nowMs = Date.now();
    const layers =
      wanted === null
        ? all
        : Object.fromEntries(Object.entries(all).filter(([name]) => wanted.includes(name)));
    return {
      type: 'frame',
      run,
      tier,
      epoch,
      offset: `2-${frameNumber}`,
      prev: key ? null : `2-${frameNumber - 1}`,
      key,
      step: streets.step,
      time_s: streets.timeS,
      hops: { pub_ms: nowMs - 7, in_ms: nowMs - 5, out_ms: nowMs - 1 },
      layers,
      metrics,
      phases: { simulate: 21 + Math.random() * 4, collect: 4.1, publish: 0.02 },
    };
  }

  function publish(message) {
    const numbered = {
      ...message,
      run: 'town',
      offset: `1-${losslessNumber + 1}`,
      prev: `1-${losslessNumber}`,
    };
    losslessNumber += 1;
    lossless = [...lossless.slice(-99), numbered];
    for (const viewer of viewers) {
      if (!(viewer.run in TITLES)) continue;
      const changed = numbered.type === 'run' ? { info: info(viewer.run) } : {};
      tell(viewer, { ...numbered, ...changed, run: viewer.run });
    }
  }

  function obey(viewer, { command_id, name, args }) {
    let error = null;
    let field = null;
    if (name === 'pause' || name === 'resume') control.paused = name === 'pause';
    else if (name === 'stop') control.stopping = true;
    else if (name === 'step') advance(args.steps ?? 1);
    else if (name === 'set_params') {
      for (const [param, value] of Object.entries(args.params)) {
        const spec = PARAMS[param];
        if (param === 'weather' && value === 'snow') {
          error = 'This network has no winter tyres.';
          field = param;
        } else if (spec !== undefined) streets.params[param] = value;
      }
    }
    publish({ type: 'control_state', ...control, params: { ...streets.params } });
    publish({ type: 'result', command_id, name, ok: error === null, error, field });
    if (name === 'pause' || name === 'resume') state = control.paused ? 'paused' : 'running';
    if (name === 'stop') state = 'stopping';
    if (name !== 'set_params') publish({ type: 'run', info: info() });
    if (name === 'stop') {
      setTimeout(() => {
        state = 'ended';
        say('complete', 'The simulation has finished.');
        publish({ type: 'run', info: info() });
      }, 800);
    }
  }

  function say(level, text) {
    publish({ type: 'status', level, text, time_s: streets.timeS, at_ms: Date.now() });
  }

  function steer(url, response) {
    const name = url.pathname.slice('/test/'.length);
    if (name === 'silence') silent = true;
    if (name === 'speak') silent = false;
    if (name === 'down') down = true;
    if (name === 'up') down = false;
    if (name === 'forget') forgetful = true;
    if (name === 'say') say(url.searchParams.get('level'), url.searchParams.get('text'));
    if (name === 'lose') {
      state = 'lost';
      publish({ type: 'run', info: info() });
    }
    if (name === 'skip') {
      const skipped = Number(url.searchParams.get('count'));
      const text = `The connection is slow: ${skipped} frames were skipped.`;
      for (const viewer of viewers)
        tell(viewer, { type: 'notice', run: viewer.run, text, skipped });
    }
    if (name === 'cut') for (const viewer of viewers) viewer.socket.terminate();
    if (name === 'close') {
      const code = Number(url.searchParams.get('code'));
      for (const viewer of viewers) viewer.socket.close(code, '{"retry_ms": 300}');
    }
    response.writeHead(204).end();
  }

  const timer = setInterval(() => {
    if (!control.paused && state !== 'ended' && state !== 'lost' && !silent) advance(1);
  }, 1000 / hz);

  function advance(steps) {
    for (let step = 0; step < steps; step++) streets.advance(1 / hz);
    const layers = chain.delta(streets.layers());
    frameNumber += 1;
    const encoded = new Map();
    for (const viewer of viewers) {
      if (!(viewer.run in TITLES) || viewer.socket.readyState !== 1) continue;
      if (frameNumber === 1) {
        keyframe(viewer);
        continue;
      }
      const which = `${viewer.run} ${viewer.tier} ${viewer.layers}`;
      if (!encoded.has(which)) {
        encoded.set(which, encode(frame(viewer, false, layers, streets.metrics())));
      }
      viewer.socket.send(encoded.get(which));
    }
    if (streets.step % 2 === 0) show();
    if (streets.step % (hz * 20) === 0) {
      say('warning', `Queue of ${streets.metrics().waiting} vehicles at the signals`);
    }
  }

  /** The town has a camera. */
  function show() {
    const watching = [...viewers].filter(
      ({ run, images, socket }) => run === 'town' && images && socket.readyState === 1,
    );
    if (watching.length === 0) return;
    const nowMs = Date.now();
    const picture = {
      type: 'image',
      run: 'town',
      tier: 'high',
      epoch,
      offset: `3-${frameNumber}`,
      camera: 'crossing_north',
      step: streets.step,
      time_s: streets.timeS,
      hops: { pub_ms: nowMs - 7, in_ms: nowMs - 5, out_ms: nowMs - 1 },
      skipped: 0,
      ...cameraPicture(streets.timeS),
    };
    const encoded = encode(picture);
    for (const { socket } of watching) socket.send(encoded);
  }

  return new Promise((resolve) => {
    http.listen(port, '127.0.0.1', () => {
      resolve({
        url: `http://127.0.0.1:${http.address().port}`,
        stop() {
          clearInterval(timer);
          for (const viewer of viewers) viewer.socket.terminate();
          http.close();
        },
      });
    });
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const vehicles = Number(process.env.VEHICLES ?? 400);
  const { url } = await startDouble({ port: 8090, vehicles });
  console.log(`test double of the gateway at ${url}`);
}
