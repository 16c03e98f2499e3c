/**
 * What the dashboard holds, measured in a headless Chromium before a real system: embedded server, worker, gateway, SUMO, and a
 * synthetic source for sizes that no city has. Writes build/bench/web.json; status 1 if a check fails.
 *
 *   node bench/run.mjs [--quick] [--only load,city,moving,heap]
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, type } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openPage } from './page.mjs';
import { launch, ROOT, sleep, startSystem } from './system.mjs';

const quick = process.argv.includes('--quick');
const only = process.argv.includes('--only')
  ? process.argv[process.argv.indexOf('--only') + 1].split(',')
  : null;
const checks = [];
const rows = [];

function atMost(what, value, limit, unit) {
  check(what, value, unit, 'at most', limit, value <= limit);
}

function atLeast(what, value, limit, unit) {
  check(what, value, unit, 'at least', limit, value >= limit);
}

function check(what, value, unit, sense, limit, passed) {
  checks.push({ what, value, unit, sense, limit, passed });
  console.log(`${passed ? '✓' : '✗'} ${what}: ${round(value)} ${unit} (${sense} ${limit})`);
}

function row(what, value, unit) {
  rows.push({ what, value: round(value), unit });
  console.log(`  ${what}: ${round(value)} ${unit}`);
}

const round = (value) => (value === null ? null : Math.round(value * 100) / 100);

function quantile(values, share) {
  const ordered = values.toSorted((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] ?? NaN;
}

/** Scripts that the page needs to draw: what index.html names, and the engine's worker. */
function scriptSizes() {
  const dist = join(ROOT, 'web/dist');
  const named = readFileSync(join(dist, 'index.html'), 'utf8').match(/[\w./-]+\.js/g) ?? [];
  const worker = readdirSync(join(dist, 'assets')).filter((name) => /^worker-.*\.js$/.test(name));
  const files = [...new Set(named), ...worker.map((name) => `assets/${name}`)];
  let kb = 0;
  for (const file of files)
    kb += gzipSync(readFileSync(join(dist, file)), { level: 9 }).length / 1000;
  atMost('initial scripts, gzipped, the engine included', kb, 130, 'KB');
}

async function load(browser, system) {
  const figures = [];
  for (let i = 0; i < (quick ? 3 : 10); i++) {
    const page = await openPage(browser, system.url, 'cologne8');
    figures.push(await page.load());
    await page.close();
  }
  const median = (name) =>
    quantile(
      figures.map((figure) => figure[name]),
      0.5,
    );
  atMost('first contentful paint, cold, median', median('fcp'), 500, 'ms');
  atMost('largest contentful paint, cold, median', median('lcp'), 500, 'ms');
  atMost('load event, cold, median', median('load'), 1000, 'ms');
  atMost('layout shift, worst', Math.max(...figures.map((figure) => figure.shift)), 0.02, '');
}

async function city(browser, system) {
  const page = await openPage(browser, system.url, 'cologne8');
  await page.drawn(5, 60_000);
  for (const control of await page.page.$$('.log-toggle')) await control.click();
  const seconds = quick ? 8 : 120;
  const before = await page.summary();
  await sleep(seconds * 1000);
  const after = await page.summary();
  atMost(
    `longest main-thread task over ${seconds} s of city traffic`,
    await page.longestTask(),
    49.9,
    'ms',
  );
  atMost('producer to painted, p95, city', after.paintedMs?.p95 ?? NaN, 100, 'ms');
  row('producer to painted, median, city', after.paintedMs?.median ?? NaN, 'ms');
  row('pictures a second, city', (after.framesDrawn - before.framesDrawn) / seconds, '1/s');
  row(`city drawn by ${after.renderer.name}, entities`, after.entitiesDrawn, '');
  atMost('errors on the page', page.errors.length, 0, '');
  await page.close();
}

async function moving(browser, system, count, least) {
  const run = `moving-${count}`;
  const source = system.source('moving', '--entities', count, '--run', run);
  try {
    const page = await openPage(browser, system.url, run);
    await page.drawn(count, 60_000);
    await sleep(2000);
    const seconds = quick ? 6 : 30;
    const samples = [];
    const before = await page.summary();
    for (let i = 0; i < seconds * 2; i++) {
      await sleep(500);
      samples.push((await page.summary()).fps);
    }
    const after = await page.summary();
    const name = count.toLocaleString('en');
    atLeast(
      `${name} moving entities: refreshes, median over ${seconds} s`,
      quantile(samples, 0.5),
      least,
      '1/s',
    );
    if (least >= 58) atMost(`${name}: time of a refresh, p95`, after.refreshMs.p95, 20, 'ms');
    const sequence = after.step - before.step;
    atLeast(`${name}: drawn steps in ${seconds} s`, sequence, seconds * 5, '');
    row(`${name}: pictures a second`, (after.framesDrawn - before.framesDrawn) / seconds, '1/s');
    row(`${name}: level of detail left out`, after.detail, '');
    row(`${name}: decode`, after.decodeMs, 'ms');
    row(`${name}: producer to painted, p95`, after.paintedMs?.p95 ?? NaN, 'ms');
    row(`${name}: tier ${after.tier}, ${after.renderer.name}, dropped`, after.dropped, '');
    await page.close();
  } finally {
    await source.stop();
  }
}

async function heap(browser, system) {
  const page = await openPage(browser, system.url, 'cologne8');
  await page.drawn(5, 60_000);
  // The histories of the charts fill up first; what counts is whether it goes on.
  await sleep(quick ? 3000 : 60_000);
  const before = await page.heap();
  const minutes = quick ? 0.05 : 10;
  await sleep(minutes * 60_000);
  const after = await page.heap();
  for (const part of ['page', 'engine']) {
    if (before[part] === null) {
      row(`heap of the ${part}: the browser does not tell`, 0, 'MB');
      continue;
    }
    const growth = (100 * (after[part] - before[part])) / before[part];
    row(`heap of the ${part} at the end`, after[part] / 1e6, 'MB');
    // Seconds say nothing about a leak: there the figure is shown only.
    if (quick) row(`growth of the heap of the ${part}`, growth, '%');
    else atMost(`growth of the heap of the ${part} over ${minutes} minutes`, growth, 10, '%');
  }
  await page.close();
}

const parts = {
  load,
  city,
  async moving(browser, system) {
    await moving(browser, system, 10_000, 58);
    await moving(browser, system, 50_000, 20);
  },
  heap,
};

const browser = await launch();
const system = await startSystem();
try {
  scriptSizes();
  for (const [name, part] of Object.entries(parts)) {
    if (only === null || only.includes(name)) await part(browser, system);
  }
} finally {
  await browser.close();
  await system.stop();
}
const folder = join(ROOT, 'build/bench');
mkdirSync(folder, { recursive: true });
const result = {
  name: 'web',
  at: new Date().toISOString(),
  machine: `${cpus().length} CPUs, ${type()} ${release()}, ${arch()}`,
  versions: { node: process.versions.node, chromium: browser.version() },
  quick,
  checks,
  rows,
};
writeFileSync(join(folder, 'web.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(`written to ${join(folder, 'web.json')}`);
process.exitCode = checks.every(({ passed }) => passed) ? 0 : 1;
