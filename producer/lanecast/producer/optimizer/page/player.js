// Plays the frames in this file. They are deltas; a complete state is kept every KEEP frames, so that stepping back is quick.
const config = JSON.parse(document.getElementById('config').textContent);
const at = (id) => document.getElementById(id);
const drawing = createDrawing(at('canvas'), config.scene);
const KEEP = 50, FPS = 20;
at('title').textContent = config.title;
let frames = [], quanta = {}, kept = [], place = -1, stored = {}, playing = false, dueMs = 0, charted = '';

async function unpack() {
  const packed = Uint8Array.from(atob(config.data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  ({ frames, quanta } = JSON.parse(await new Response(stream).text()));
}

/** The layers after one more frame; columns that do not change are shared, none is written to. */
function follow(layers, frame) {
  const next = {};
  for (const [name, { c: complete, d: differences, new: anew }] of Object.entries(frame.layers)) {
    const columns = anew ? {} : { ...layers[name] };
    Object.assign(columns, complete);
    for (const [column, steps] of Object.entries(differences)) columns[column] = columns[column].map((value, i) => value + steps[i]);
    next[name] = columns;
  }
  return next;
}

function show(wanted) {
  wanted = Math.max(0, Math.min(frames.length - 1, wanted));
  if (wanted !== place) {
    let from = place, layers = stored;
    if (wanted < place) { from = -1; layers = {}; }
    if (wanted < place || wanted - place > KEEP) {
      let mark = Math.floor(wanted / KEEP);
      while (mark >= 0 && !kept[mark]) mark -= 1;
      if (mark * KEEP > from && mark >= 0) { from = mark * KEEP; layers = kept[mark]; }
    }
    for (let i = from + 1; i <= wanted; i++) {
      layers = follow(layers, frames[i]);
      if (i % KEEP === 0) kept[i / KEEP] = layers;
    }
    stored = layers; place = wanted;
  }
  const scaled = {};
  for (const [name, columns] of Object.entries(stored)) {
    scaled[name] = {};
    for (const [column, values] of Object.entries(columns)) {
      const quantum = quanta[`${name}.${column}`];
      scaled[name][column] = column === 'id' || quantum === undefined ? values : values.map((value) => value * quantum);
    }
  }
  drawing.draw(scaled);
  drawing.legend(at('modules'));
  const { meta } = frames[place];
  at('over').textContent = [`frame ${place + 1} of ${frames.length}`, meta.phase, meta.label].filter(Boolean).join(' · ');
  at('slider').value = place;
  setFigures(at('metrics'), Object.fromEntries(Object.entries({ iteration: meta.iteration, ...meta.metrics }).map(([name, value]) => [name, readable(value)])));
  chart();
}

function chart() {
  const canvas = at('chart'), context = canvas.getContext('2d'), ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  context.scale(ratio, ratio);
  const values = frames.map(({ meta }) => meta.metrics[charted]);
  const known = values.filter((value) => typeof value === 'number');
  if (!known.length) return;
  const low = known.reduce((a, b) => Math.min(a, b)), span = known.reduce((a, b) => Math.max(a, b)) - low || 1;
  const style = getComputedStyle(document.documentElement);
  context.strokeStyle = style.getPropertyValue('--accent'); context.lineWidth = 1.5;
  context.beginPath();
  values.forEach((value, i) => { if (typeof value === 'number') context.lineTo((i / Math.max(1, values.length - 1)) * width, height - 4 - ((value - low) / span) * (height - 8)); });
  context.stroke();
  const x = (place / Math.max(1, frames.length - 1)) * width;
  context.strokeStyle = style.getPropertyValue('--soft'); context.lineWidth = 1;
  context.beginPath(); context.moveTo(x, 0); context.lineTo(x, height); context.stroke();
}

function play(on) {
  playing = on;
  at('play').textContent = on ? 'Pause' : 'Play';
  if (on) { if (place === frames.length - 1) show(0); dueMs = performance.now(); requestAnimationFrame(tick); }
}

function tick(now) {
  if (!playing) return;
  const every = 1000 / (FPS * Number(at('speed').value));
  const steps = Math.floor((now - dueMs) / every);
  if (steps > 0) { dueMs += steps * every; show(place + steps); }
  if (place >= frames.length - 1) play(false);
  else requestAnimationFrame(tick);
}

const step = (n) => { play(false); show(place + n); };
at('play').addEventListener('click', () => play(!playing));
at('back').addEventListener('click', () => step(-1));
at('forth').addEventListener('click', () => step(1));
at('slider').addEventListener('input', (event) => { play(false); show(Number(event.target.value)); });
at('which').addEventListener('change', (event) => { charted = event.target.value; chart(); });
addEventListener('keydown', (event) => {
  if (event.target.closest('input, select')) return;
  if (event.key === 'ArrowLeft') step(-1);
  else if (event.key === 'ArrowRight') step(1);
  else if (event.key === ' ' && !event.target.closest('button')) { event.preventDefault(); play(!playing); }
});
new ResizeObserver(() => { if (frames.length) chart(); }).observe(at('chart'));

unpack().then(() => {
  const names = [...new Set(frames.flatMap(({ meta }) => Object.keys(meta.metrics)))].filter((name) => name !== 'iteration');
  at('which').append(...names.map((name) => new Option(name.replaceAll('_', ' '), name)));
  charted = names[0] ?? '';
  at('slider').max = frames.length - 1;
  at('empty').hidden = true;
  const thinned = config.stride > 1 ? ` Every ${config.stride}th frame of the run.` : '';
  at('note').textContent = `${config.note ?? ''}${thinned} Arrow keys step, the space bar plays.`.trim();
  show(frames.length - 1);
}).catch((error) => { at('empty').textContent = `The frames in this file cannot be read: ${error}`; });
