/**
 * Takes pictures of the dashboard in its states, against the test double, into `build/looks`, for the eye; and has axe look
 * at each: it ends with 1 if any state has a violation, or if the page complained.   npm run build && npm run look [-- NAME ...]
 */
import { mkdirSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';
import { startDouble } from './gateway.mjs';

const OUT = new URL('../../build/looks/', import.meta.url).pathname;
const SIZES = {
  wide: { width: 1440, height: 900 },
  narrow: { width: 1024, height: 768 },
  tablet: { width: 820, height: 1100 },
  phone: { width: 390, height: 844 },
};
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const only = process.argv.slice(2);

let bad = 0;

mkdirSync(OUT, { recursive: true });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--enable-unsafe-swiftshader',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

async function look(name, { size = 'wide', theme = 'dark', vehicles = 400, run = 'town', act }) {
  if (only.length > 0 && !only.some((part) => name.includes(part))) return;
  const double = await startDouble({ vehicles });
  const context = await browser.newContext({
    viewport: SIZES[size],
    colorScheme: theme,
    hasTouch: size === 'phone',
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // A connection that is refused is a state to look at; the browser calls it an error.
    if (!message.text().includes('ERR_') && !message.text().includes('WebSocket'))
      complain(name, message.text());
  });
  page.on('pageerror', (error) => complain(name, error.message));
  const tell = (path) => fetch(`${double.url}/test/${path}`, { method: 'POST' });
  try {
    await page.goto(`${double.url}/#/run/${run}`);
    if (run.startsWith('town')) {
      await page.waitForSelector('[data-testid=scene]:not([data-entities="0"])', {
        timeout: 15_000,
      });
    }
    await page.waitForTimeout(3500);
    await act?.(page, tell);
    await page.screenshot({ path: `${OUT}${name}.png` });
    const { violations } = await new AxeBuilder({ page }).analyze();
    for (const { id, nodes } of violations) {
      for (const { html, failureSummary } of nodes)
        complain(name, `${id}: ${html}\n${failureSummary}`);
    }
    console.log(`${name}: ${violations.length} violations`);
  } catch (error) {
    complain(name, error.message);
    await page.screenshot({ path: `${OUT}${name}.png` });
  } finally {
    await context.close();
    double.stop();
  }
}

function complain(name, text) {
  bad += 1;
  console.log(name, text);
}

const select = async (page) => {
  await page.keyboard.press(']');
  await page.waitForTimeout(300);
};

await look('live-dark', { act: select });
await look('live-light', { theme: 'light', act: select });
const back = async (page) => {
  await page.keyboard.press('Home');
  await page.waitForSelector('[data-condition=past]');
  await page.keyboard.press('Shift+ArrowRight');
  await page.waitForTimeout(400);
};

await look('past-dark', { act: back });
await look('past-phone-light', { size: 'phone', theme: 'light', act: back });
await look('layer-off', {
  act: async (page) => {
    await page.click('[data-testid=show-lights]');
    await page.waitForSelector('[data-testid=layer-lights][data-sent=false]');
  },
});
await look('follow', {
  act: async (page) => {
    await select(page);
    await page.keyboard.press('f');
    await page.keyboard.press('v');
    await page.waitForTimeout(1500);
  },
});
await look('empty-dark', { run: 'harbour' });
await look('empty-phone-light', { run: 'harbour', size: 'phone', theme: 'light' });
await look('minimap-types', {
  act: async (page) => {
    await page.click('button[aria-label=Minimap]');
    await page.click('button[aria-label=Trails]');
    await page.selectOption('.layers + .field select', 'type');
    await page.waitForTimeout(1500);
  },
});
await look('paused-light', {
  theme: 'light',
  act: async (page) => {
    await page.click('[data-testid=pause]');
    await page.waitForSelector('[data-testid=resume]');
    await page.waitForTimeout(500);
  },
});
await look('phone-paused', {
  size: 'phone',
  act: async (page) => {
    await page.click('[data-testid=pause]');
    await page.waitForSelector('[data-testid=resume]');
    await page.waitForTimeout(400);
  },
});
await look('reconnecting-dark', {
  act: async (page, tell) => {
    await tell('down');
    await tell('cut');
    await page.waitForTimeout(4000);
  },
});
await look('stale-dark', {
  act: async (page, tell) => {
    await tell('silence');
    await page.waitForTimeout(2600);
  },
});
await look('params-dark', {
  act: async (page) => {
    await page.selectOption('[data-testid=param-weather]', 'snow');
    await page.waitForTimeout(500);
    await page.click('[data-testid=param-rerouting]');
    await page.fill('[data-testid=param-demand]', '9');
    await page.keyboard.press('Enter');
    await page.waitForTimeout(50);
    await page.keyboard.press('Tab');
    await page.click('.log-toggle');
    await page.waitForTimeout(400);
  },
});
await look('stop-dialog', { act: (page) => page.click('[data-testid=stop]') });
await look('details', { act: (page) => page.click('[data-testid=conn-chip]') });
await look('closed-light', {
  theme: 'light',
  act: async (page, tell) => {
    await tell('close?code=4401');
    await page.waitForTimeout(800);
  },
});
await look('ended', {
  act: async (page) => {
    await page.click('[data-testid=stop]');
    await page.click('[data-testid=stop-confirm]');
    await page.waitForTimeout(2500);
  },
});
await look('phone-dark', { size: 'phone' });
await look('phone-light', { size: 'phone', theme: 'light' });
await look('phone-params', {
  size: 'phone',
  act: (page) => page.click('.dock >> text=Parameters'),
});
await look('phone-figures', {
  size: 'phone',
  act: async (page) => {
    await page.click('.dock >> text=Figures');
    await page.waitForTimeout(800);
  },
});
await look('lost-light', {
  theme: 'light',
  act: async (page, tell) => {
    await tell('lose');
    await page.waitForSelector('[data-condition=lost]');
  },
});
await look('beside-dark', { run: 'town+suburb+harbour' });
await look('beside-phone', { run: 'town+suburb', size: 'phone' });
await look('table-light', {
  theme: 'light',
  act: async (page) => {
    await page.keyboard.press('b');
    await page.waitForSelector('[data-testid=entity-table] tbody button');
    await page.focus('[data-testid=entity-table] tbody button');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForTimeout(700);
  },
});
await look('palette-dark', {
  act: async (page) => {
    await page.keyboard.press('Control+k');
    await page.waitForSelector('[data-testid=palette]');
    await page.keyboard.type('12');
    await page.waitForTimeout(400);
  },
});
await look('palette-light', {
  theme: 'light',
  act: async (page) => {
    await page.keyboard.press('Control+k');
    await page.waitForTimeout(600);
  },
});
await look('slow-dark', {
  act: async (page, tell) => {
    await tell('skip?count=12');
    await page.waitForTimeout(400);
  },
});
await look('resumed-light', {
  theme: 'light',
  act: async (page, tell) => {
    await tell('cut');
    await page.waitForSelector('[data-condition=resumed]', { timeout: 15_000 });
  },
});
await look('gap-dark', {
  act: async (page, tell) => {
    await tell('forget');
    await tell('cut');
    await page.waitForSelector('[data-condition=resumed]', { timeout: 15_000 });
  },
});
await look('narrow-dark', { size: 'narrow', act: select });
await look('narrow-light', { size: 'narrow', theme: 'light', act: select });
await look('narrow-empty', { size: 'narrow', run: 'harbour' });
await look('tablet-left', { size: 'tablet', act: (page) => page.keyboard.press('2') });
await look('tablet-right', {
  size: 'tablet',
  theme: 'light',
  act: async (page) => {
    await page.keyboard.press('3');
    await page.waitForTimeout(800);
  },
});
await look('charts-chosen', {
  act: async (page) => {
    await page.click('[data-testid=choose-charts]');
    await page.waitForTimeout(300);
  },
});
await look('phone-log', {
  size: 'phone',
  act: async (page) => {
    await page.click('.log-toggle');
    await page.waitForTimeout(300);
  },
});
await look('phone-table', {
  size: 'phone',
  theme: 'light',
  act: async (page) => {
    await page.click('[data-testid=table-toggle]');
    await page.waitForTimeout(700);
  },
});
await browser.close();
process.exitCode = bad > 0 ? 1 : 0;
