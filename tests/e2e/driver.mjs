// Drives a real Chromium for the tests: one JSON request a line on standard input, one JSON answer a line on standard output.
//
//   {"id": 1, "op": "open", "url": …, "width": …, "height": …}   -> the page's number; each page has a profile of its own
//   {"id": 2, "op": "evaluate", "page": 1, "script": "…"}         -> the value of an expression
//   {"id": 2, "op": "inEngine", "page": 1, "script": "…"}         -> the same in the page's first Web Worker
//   {"id": 3, "op": "click" | "fill" | "press" | "select", "page": 1, "selector": …, "value": …}
//   {"id": 3, "op": "keys", "page": 1, "keys": ["Tab", …]}        -> pressed on whatever has the focus
//   {"id": 3, "op": "axe", "page": 1}                             -> what axe finds wrong with the page as it is
//   {"id": 3, "op": "resize", "page": 1, "width": …, "height": …, "scheme": "light" | "dark"}
//   {"id": 4, "op": "screenshot", "page": 1, "path": …, "clip": {x, y, width, height}}
//   {"id": 5, "op": "errors", "page": 1}                          -> what the page has complained about
//   {"id": 6, "op": "close", "page": 1}
//
// Answers are {"id", "value"} or {"id", "error"}. It ends when its input ends.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../../web/package.json', import.meta.url));
const { AxeBuilder } = require('@axe-core/playwright');
const { chromium } = require('playwright-core');

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--enable-unsafe-swiftshader',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

/** Runs in the page before its own scripts: keeps what the page has shown, and when (Unix ms). */
function record() {
  const shown = (id, name) => document.querySelector(`[data-testid="${id}"]`)?.getAttribute(`data-${name}`) ?? null;
  const number = (text) => (text === null || text === '' ? null : Number(text));
  let last = '';
  globalThis.lanecastHistory = [];
  globalThis.lanecastClicks = [];
  addEventListener('click', () => globalThis.lanecastClicks.push(Date.now()), true);
  setInterval(() => {
    const now = {
      simTime: number(shown('sim-time', 'value')),
      link: shown('conn-chip', 'state'),
      state: shown('state-pill', 'state'),
      entities: number(shown('scene', 'entities')),
      drawn: (number(shown('scene', 'frames')) ?? 0) > 0,
      dimmed: shown('scene', 'dimmed') === 'true',
      log: document.querySelector('.log-latest, [data-testid="event-log"] li:last-child')?.textContent ?? '',
    };
    const text = JSON.stringify(now);
    if (text !== last) globalThis.lanecastHistory.push({ at_ms: Date.now(), ...now });
    last = text;
  }, 10);
}

const pages = new Map();
let opened = 0;

const operations = {
  async open({ url, width, height }) {
    const context = await browser.newContext({ viewport: { width, height } });
    const page = await context.newPage();
    const errors = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    await page.addInitScript(record);
    await page.goto(url);
    pages.set(++opened, { page, errors, context });
    return opened;
  },
  evaluate: ({ page }, { script }) => page.evaluate(script),
  async inEngine({ page }, { script }) {
    const worker = page.workers()[0] ?? (await page.waitForEvent('worker', { timeout: 5000 }));
    return worker.evaluate(script);
  },
  click: ({ page }, { selector }) => page.click(selector, { timeout: 5000 }),
  fill: ({ page }, { selector, value }) => page.fill(selector, value, { timeout: 5000 }),
  press: ({ page }, { selector, value }) => page.press(selector, value, { timeout: 5000 }),
  select: ({ page }, { selector, value }) => page.selectOption(selector, value, { timeout: 5000 }),
  async keys({ page }, { keys }) {
    for (const key of keys) await page.keyboard.press(key);
  },
  async axe({ page }) {
    const { violations } = await new AxeBuilder({ page }).analyze();
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
  },
  async resize({ page }, { width, height, scheme }) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.setViewportSize({ width, height });
  },
  async screenshot({ page }, { path, clip }) {
    await page.screenshot({ path, ...(clip ? { clip } : {}) });
    return path;
  },
  errors: ({ errors }) => errors,
  close: ({ context }) => context.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { id, op, page, ...args } = JSON.parse(line);
  let answer;
  try {
    const value = op === 'open' ? await operations.open(args) : await operations[op](pages.get(page), args);
    answer = { id, value: value ?? null };
  } catch (error) {
    answer = { id, error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
