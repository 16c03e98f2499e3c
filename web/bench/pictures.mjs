/**
 * Takes pictures of the dashboard before a real system: Cologne's traffic, for the documentation, and one of each kind of run,
 * for the eye, into build/looks.
 *
 *   node bench/pictures.mjs [cologne] [moving] [optimizer] [driving]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, ROOT, sleep, startSystem } from './system.mjs';

const SIZES = { wide: [1440, 900], narrow: [1024, 768], phone: [390, 844] };
const LOOKS = join(ROOT, 'build/looks');
const wanted = process.argv.slice(2);
const wants = (name) => wanted.length === 0 || wanted.includes(name);

mkdirSync(LOOKS, { recursive: true });
const browser = await launch();
const system = await startSystem({ demo: wants('cologne') });

async function open(run, size, theme) {
  const [width, height] = SIZES[size];
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.log(run, error.message));
  await page.goto(`${system.url}/#/run/${run}`);
  await page.waitForSelector('[data-testid=scene]:not([data-entities="0"])', { timeout: 30_000 });
  return page;
}

async function picture(run, size, theme, path, waitMs, act) {
  const page = await open(run, size, theme);
  await sleep(waitMs);
  await act?.(page);
  await page.screenshot({ path });
  console.log(path);
  await page.context().close();
}

try {
  if (wants('cologne')) {
    const select = async (page) => {
      await page.keyboard.press(']');
      await sleep(1500);
    };
    const docs = join(ROOT, 'docs/images');
    await picture('cologne8', 'wide', 'dark', join(docs, 'dashboard.png'), 40_000, select);
    await picture('cologne8', 'wide', 'light', join(docs, 'dashboard-light.png'), 6000, select);
    await picture('cologne8', 'phone', 'dark', join(LOOKS, 'cologne-phone.png'), 4000);
  }
  for (const kind of ['moving', 'optimizer', 'driving']) {
    if (!wants(kind)) continue;
    const source = system.source(kind, '--run', kind);
    try {
      for (const [size, theme] of [
        ['wide', 'dark'],
        ['wide', 'light'],
        ['narrow', 'dark'],
        ['phone', 'light'],
      ]) {
        await picture(kind, size, theme, join(LOOKS, `${kind}-${size}-${theme}.png`), 5000);
      }
    } finally {
      await source.stop();
    }
  }
} finally {
  await browser.close();
  await system.stop();
}
