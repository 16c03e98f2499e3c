// A viewer of one run over lanecast.json.v1. After a cut it connects again and resumes: no event is missed, none comes twice.
const config = JSON.parse(document.getElementById('config').textContent);
const at = (id) => document.getElementById(id);
const drawing = createDrawing(at('canvas'), config.scene);
at('title').textContent = config.title;

const NEVER = new Set([1000, 1002, 1007, 1009, 4400, 4401, 4403, 4410, 4411]);
let socket = null, subscribed = false, tries = 0, finished = false;
let epoch = '', offset = null; // of the last lossless message
let control = { paused: false, stopping: false, params: {} }, state = '', role = '';
let layers = null, metrics = {}, fresh = false, last = null;
let clockMs = 0, bestTripMs = Infinity; // the server's clock minus ours, from the quickest ping
const frames = []; // arrival times of the last second
let bytes = 0, perSecond = 0, latencyMs = null, received = 0;

function connect() {
  connection('connecting', 'warn');
  let text;
  try {
    socket = new WebSocket(config.url, ['lanecast.json.v1']);
  } catch (error) {
    connection('impossible', 'bad');
    return say('error', String(error));
  }
  const mine = socket;
  socket.onmessage = (event) => {
    if (mine !== socket) return;
    text = event.data; received += text.length; bytes += text.length;
    let message;
    try { message = JSON.parse(text); } catch { return; }
    handle(message);
  };
  socket.onclose = (event) => {
    if (mine !== socket) return;
    subscribed = false; bestTripMs = Infinity;
    controls();
    if (NEVER.has(event.code)) {
      connection('closed', 'bad');
      return say('error', `The server has closed the connection (${event.code}${event.reason ? `: ${event.reason}` : ''}). Reload the page to try again.`);
    }
    const asked = /retry_ms=(\d+)/.exec(event.reason)?.[1];
    const wait = asked !== undefined ? Number(asked) : Math.min(5000, 250 * 2 ** tries) * (0.5 + Math.random() / 2);
    tries += 1;
    connection('reconnecting', 'bad');
    setTimeout(connect, event.code === 4409 || event.code === 4429 ? Math.max(wait, 5000) : wait);
  };
}

const send = (message) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };
const subscribe = () => send({ type: 'subscribe', run: config.run, tier: 'auto', images: false, ...(offset ? { epoch, offset } : {}) });

function handle(message) {
  if ('prev' in message && message.type !== 'frame') {
    if (message.offset) { epoch = message.epoch; offset = message.offset; }
  }
  switch (message.type) {
    case 'welcome':
      role = message.role ?? role;
      if (message.auth && config.token) send({ type: 'auth', token: config.token });
      if (message.auth && !config.token) { connection('needs a token', 'bad'); return; }
      if (!subscribed) subscribe();
      break;
    case 'subscribed':
      subscribed = true; tries = 0;
      epoch = message.epoch; offset = message.offset;
      connection('live', 'good');
      info(message.info);
      ping();
      break;
    case 'frame': {
      layers = message.layers; metrics = message.metrics; last = message; fresh = true;
      const now = performance.now();
      frames.push(now);
      if (message.hops?.pub_ms && bestTripMs < Infinity) latencyMs = Math.max(0, Date.now() + clockMs - message.hops.pub_ms);
      at('empty').hidden = true;
      break;
    }
    case 'run': info(message.info); break;
    case 'status': say(message.level, message.text, message.at_ms); break;
    case 'control_state': control = message; controls(); break;
    case 'result':
      if (!message.ok) say('warning', `${message.name ?? 'command'}: ${message.error}`);
      break;
    case 'notice': if (message.text) say('info', message.text); break;
    case 'error':
      if (message.code === 'unknown_run') { connection('waiting for the run', 'warn'); setTimeout(subscribe, 1000); }
      else say('warning', message.message);
      break;
    case 'pong': {
      const trip = performance.now() - message.t;
      if (trip <= bestTripMs) { bestTripMs = trip; clockMs = message.server_ms - (Date.now() - trip / 2); }
      break;
    }
  }
}

function info(told) {
  state = told.state;
  control = told.control ?? control;
  const chip = at('state');
  chip.textContent = state;
  chip.className = `chip ${{ running: 'good', paused: 'warn', stopping: 'warn', lost: 'bad' }[state] ?? ''}`;
  finished = state === 'ended' || state === 'lost';
  parameters(told.params ?? {});
  controls();
}

function controls() {
  const able = subscribed && !finished && !control.stopping && role !== 'viewer' && role !== 'publisher';
  at('pause').disabled = !able || control.paused;
  at('resume').disabled = !able || !control.paused;
  at('stop').disabled = !able;
  for (const field of at('params').querySelectorAll('input, select')) {
    field.disabled = !able;
    const value = control.params?.[field.name];
    if (value === undefined || field === document.activeElement) continue;
    if (field.type === 'checkbox') field.checked = value;
    else field.value = value;
    field.dispatchEvent(new Event('shown'));
  }
}

function parameters(params) {
  const key = JSON.stringify(Object.entries(params).map(([name, { value, ...rest }]) => [name, rest]));
  if (at('params').dataset.key === key) return;
  at('params').dataset.key = key;
  at('paramsSection').hidden = Object.keys(params).length === 0;
  at('params').replaceChildren(...Object.entries(params).map(([name, param]) => parameter(name, param)));
}

function parameter(name, param) {
  const row = document.createElement('label'), title = document.createElement('span'), value = document.createElement('span');
  row.className = 'row';
  title.textContent = param.title || name;
  const number = param.type === 'float' || param.type === 'int';
  const field = document.createElement(param.type === 'choice' ? 'select' : 'input');
  field.name = name;
  if (param.type === 'choice') field.append(...param.choices.map((choice) => new Option(choice, choice)));
  else if (param.type === 'bool') field.type = 'checkbox';
  else {
    const bounded = param.min !== undefined && param.min !== null && param.max !== undefined && param.max !== null;
    field.type = bounded ? 'range' : 'number';
    for (const bound of ['min', 'max']) if (param[bound] !== undefined && param[bound] !== null) field[bound] = param[bound];
    field.step = param.step || (param.type === 'int' ? 1 : bounded ? (param.max - param.min) / 200 : 'any');
  }
  if (param.type === 'bool') field.checked = param.value;
  else field.value = param.value;
  const show = () => { value.textContent = field.type === 'range' ? `${readable(Number(field.value))} ${param.unit ?? ''}` : param.unit ?? ''; };
  field.addEventListener('input', show);
  field.addEventListener('shown', show);
  field.addEventListener('change', () => {
    const chosen = param.type === 'bool' ? field.checked : number ? Number(field.value) : field.value;
    if (!number || Number.isFinite(chosen)) send({ type: 'set_params', run: config.run, params: { [name]: chosen } });
  });
  show();
  row.append(title, value, field);
  return row;
}

function say(level, text, atMs) {
  const item = document.createElement('li'), time = document.createElement('time');
  time.textContent = new Date(atMs ?? Date.now()).toLocaleTimeString();
  item.className = level;
  item.append(time, text);
  at('log').prepend(item);
  while (at('log').children.length > 200) at('log').lastChild.remove();
}

function connection(text, kind) {
  at('connection').textContent = text;
  at('connection').className = `chip ${kind}`;
}

const ping = () => send({ type: 'ping', t: performance.now() });
for (const name of ['pause', 'resume', 'stop']) at(name).addEventListener('click', () => {
  if (name === 'stop' && !confirm(`Stop ${config.title}? It cannot be resumed.`)) return;
  send({ type: 'command', run: config.run, name, args: {}, command_id: `page-${Math.random().toString(36).slice(2)}${Date.now().toString(36)}` });
});

setInterval(() => {
  const now = performance.now();
  while (frames.length && frames[0] < now - 1000) frames.shift();
  perSecond = perSecond * 0.5 + bytes * 0.5; bytes = 0;
  setFigures(at('figures'), {
    FPS: String(frames.length),
    latency: latencyMs === null || !subscribed ? '–' : `${Math.round(latencyMs)} ms`,
    'round trip': bestTripMs < Infinity ? `${bestTripMs.toFixed(1)} ms` : '–',
    data: `${(perSecond / 1024).toFixed(1)} KiB/s`,
    received: received > 1048576 ? `${(received / 1048576).toFixed(1)} MiB` : `${(received / 1024).toFixed(0)} KiB`,
    quality: last?.tier?.replaceAll('_', ' ') ?? '–',
  });
}, 1000);
setInterval(() => { if (subscribed) ping(); }, 5000);

(function paint() {
  requestAnimationFrame(paint);
  if (!fresh || !layers) return;
  fresh = false;
  drawing.draw(layers);
  drawing.legend(at('modules'));
  // Names with a dot are the server's own statistics; the dashboard has them.
  const known = Object.entries(metrics).filter(([name]) => !name.includes('.'));
  setFigures(at('metrics'), Object.fromEntries([...known.map(([name, value]) => [name, readable(value)]), ['components', readable(layers.components?.id.length ?? 0)]]));
  at('over').textContent = `step ${last.step}`;
})();

if (location.protocol === 'file:' && config.served) location.replace(config.served);
else connect();
