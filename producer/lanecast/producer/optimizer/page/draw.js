// Draws components, forces and the board's outline on a canvas. y points up, as in the scene; angles are counter-clockwise.
const COLOURS_LIGHT = ['#2f6bd8', '#c2410c', '#15803d', '#a21caf', '#0e7490', '#b45309', '#be123c', '#4d7c0f', '#6d28d9', '#475569'];
const COLOURS_DARK = ['#7aa7ff', '#ff9a62', '#6fd694', '#e58bef', '#5fd0e3', '#f2bb60', '#ff8ba0', '#b4d96b', '#b59cff', '#a7b4c5'];

function createDrawing(canvas, scene) {
  const context = canvas.getContext('2d');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const modules = new Map();
  let view = null; // {x, y: centre, scale: pixels a unit}
  let own = false; // the person has chosen the view
  let shown = {};

  const colour = (name) => {
    if (!modules.has(name)) modules.set(name, modules.size);
    const colours = dark.matches ? COLOURS_DARK : COLOURS_LIGHT;
    return colours[modules.get(name) % colours.length];
  };
  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function bounds() {
    if (scene) return scene.bounds;
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const layer of Object.values(shown)) {
      if (!layer.x || !layer.y) continue;
      for (let i = 0; i < layer.x.length; i++) {
        box[0] = Math.min(box[0], layer.x[i]); box[1] = Math.min(box[1], layer.y[i]);
        box[2] = Math.max(box[2], layer.x[i]); box[3] = Math.max(box[3], layer.y[i]);
      }
    }
    return box[0] <= box[2] ? box : null;
  }

  function fit() {
    const box = bounds();
    if (!box) return;
    const width = Math.max(box[2] - box[0], 1e-9), height = Math.max(box[3] - box[1], 1e-9);
    const scale = 0.88 * Math.min(canvas.clientWidth / width, canvas.clientHeight / height);
    const wanted = { x: (box[0] + box[2]) / 2, y: (box[1] + box[3]) / 2, scale };
    // Without an outline the view follows what moves, but does not tremble with it.
    if (view && !scene && Math.abs(wanted.scale / view.scale - 1) < 0.15) return;
    view = wanted;
  }

  function draw(layers = shown) {
    shown = layers;
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
      if (!own) view = null;
    }
    if (!own) fit();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!view) return;
    const px = (x) => width / 2 + (x - view.x) * view.scale;
    const py = (y) => height / 2 - (y - view.y) * view.scale;
    if (scene) {
      context.beginPath();
      for (const area of scene.areas) {
        for (let i = 0; i < area.length; i += 2) context[i ? 'lineTo' : 'moveTo'](px(area[i]), py(area[i + 1]));
        context.closePath();
      }
      context.fillStyle = token('--board'); context.fill();
      context.strokeStyle = token('--edge'); context.lineWidth = 1.5; context.stroke();
    }
    const ink = token('--ink');
    for (const [name, layer] of Object.entries(shown)) if (name !== 'forces' && layer.x) components(layer, px, py, ink);
    if (shown.forces) forces(shown.forces, px, py);
  }

  function components(layer, px, py, ink) {
    context.lineWidth = 1;
    context.font = '11px system-ui, sans-serif';
    context.textAlign = 'center'; context.textBaseline = 'middle';
    for (let i = 0; i < layer.x.length; i++) {
      const length = Math.max((layer.length?.[i] ?? 0) * view.scale, 5);
      const across = Math.max((layer.width?.[i] ?? 0) * view.scale, 5);
      const fill = colour(layer.module?.[i] ?? '-');
      context.save();
      context.translate(px(layer.x[i]), py(layer.y[i]));
      context.rotate(-((layer.angle?.[i] ?? 0) * Math.PI) / 180);
      context.fillStyle = fill; context.globalAlpha = 0.35;
      context.fillRect(-length / 2, -across / 2, length, across);
      context.globalAlpha = 1; context.strokeStyle = fill;
      context.strokeRect(-length / 2, -across / 2, length, across);
      context.beginPath(); // where its angle points
      context.moveTo(length / 2 - Math.min(length, across) / 4, 0); context.lineTo(length / 2, 0); context.stroke();
      context.restore();
      const label = String(layer.id[i]);
      if (Math.max(length, across) > 7 * label.length + 4 && Math.min(length, across) > 9) {
        context.fillStyle = ink;
        context.fillText(label, px(layer.x[i]), py(layer.y[i]));
      }
    }
  }

  function forces(layer, px, py) {
    let greatest = 0;
    for (let i = 0; i < layer.x.length; i++) greatest = Math.max(greatest, Math.hypot(layer.fx[i], layer.fy[i]));
    if (!greatest) return;
    const reach = 60 / greatest; // the strongest is 60 pixels long
    context.strokeStyle = token('--force'); context.lineWidth = 1.5;
    context.beginPath();
    for (let i = 0; i < layer.x.length; i++) {
      const dx = layer.fx[i] * reach, dy = -layer.fy[i] * reach, long = Math.hypot(dx, dy);
      if (long < 2) continue;
      const x = px(layer.x[i]), y = py(layer.y[i]), ux = (dx / long) * 5, uy = (dy / long) * 5;
      context.moveTo(x, y); context.lineTo(x + dx, y + dy);
      context.moveTo(x + dx - ux - uy * 0.6, y + dy - uy + ux * 0.6);
      context.lineTo(x + dx, y + dy);
      context.lineTo(x + dx - ux + uy * 0.6, y + dy - uy - ux * 0.6);
    }
    context.stroke();
  }

  canvas.addEventListener('wheel', (event) => {
    if (!view) return;
    event.preventDefault();
    own = true;
    const factor = Math.exp(-event.deltaY / 400);
    const x = event.offsetX - canvas.clientWidth / 2, y = canvas.clientHeight / 2 - event.offsetY;
    view.x += (x / view.scale) * (1 - 1 / factor); view.y += (y / view.scale) * (1 - 1 / factor);
    view.scale *= factor;
    draw();
  }, { passive: false });
  canvas.addEventListener('pointerdown', (event) => canvas.setPointerCapture(event.pointerId));
  canvas.addEventListener('pointermove', (event) => {
    if (!(event.buttons & 1) || !view) return;
    own = true;
    view.x -= event.movementX / view.scale; view.y += event.movementY / view.scale;
    draw();
  });
  canvas.addEventListener('dblclick', () => { own = false; view = null; draw(); });
  new ResizeObserver(() => draw()).observe(canvas);
  dark.addEventListener('change', () => draw());

  function legend(list) {
    const names = [...new Set(shown.components?.module ?? [])].sort();
    const key = `${names.join('\n')}${dark.matches}`;
    if (list.dataset.key === key) return;
    list.dataset.key = key;
    list.replaceChildren(...names.map((name) => {
      const item = document.createElement('li'), square = document.createElement('i');
      square.style.background = colour(name);
      item.append(square, name);
      return item;
    }));
    list.parentElement.hidden = names.length === 0;
  }
  return { draw, legend };
}

const readable = (value) => typeof value !== 'number' ? '–'
  : Number.isInteger(value) && Math.abs(value) < 1e9 ? value.toLocaleString()
  : Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2) : value.toLocaleString(undefined, { maximumFractionDigits: 3 });

/** Sets a list of terms and values, touching only what has changed. */
function setFigures(list, figures) {
  for (const [name, text] of Object.entries(figures)) {
    let value = list.querySelector(`[data-name="${CSS.escape(name)}"]`);
    if (!value) {
      const term = document.createElement('dt');
      value = document.createElement('dd');
      term.textContent = name.replaceAll('_', ' '); value.dataset.name = name;
      list.append(term, value);
    }
    if (value.textContent !== text) value.textContent = text;
  }
}
