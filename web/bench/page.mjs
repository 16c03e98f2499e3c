// A page that is measured: what it paints, how long its main thread is busy, and what its engine says of itself.

/** Runs in the page before its own scripts. */
function record() {
  globalThis.bench = { summary: null, tasks: [], shift: 0, lcp: 0 };
  const { bench } = globalThis;
  const observe = (type, take) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({
      type,
      buffered: true,
    });
  observe('longtask', (entry) => bench.tasks.push([entry.startTime, entry.duration]));
  observe('layout-shift', (entry) => {
    if (!entry.hadRecentInput) bench.shift += entry.value;
  });
  observe('largest-contentful-paint', (entry) => {
    bench.lcp = entry.startTime;
  });
  // The engine's summaries are the page's own source of figures: listened to, not asked for.
  globalThis.Worker = class extends Worker {
    constructor(...args) {
      super(...args);
      this.addEventListener('message', ({ data }) => {
        if (data.type === 'summary') bench.summary = data.summary;
      });
    }
  };
}

export async function openPage(browser, url, run, size = { width: 1440, height: 900 }) {
  const context = await browser.newContext({ viewport: size });
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.addInitScript(record);
  await page.goto(`${url}/#/run/${run}`);
  const summary = () => page.evaluate(() => globalThis.bench.summary);
  return {
    page,
    errors,
    summary,
    /** Waits until so many entities are drawn. */
    async drawn(count, withinMs = 30_000) {
      await page.waitForFunction(
        (least) => (globalThis.bench.summary?.entitiesDrawn ?? 0) >= least,
        count,
        { timeout: withinMs },
      );
    },
    async load() {
      // The largest paint is told a little after it.
      await page.waitForLoadState('load');
      await page.waitForTimeout(600);
      return page.evaluate(() => {
        const [navigation] = performance.getEntriesByType('navigation');
        const fcp = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN;
        const { lcp, shift } = globalThis.bench;
        return { fcp, lcp, load: navigation.loadEventEnd, shift };
      });
    },
    /** The longest task (ms) of the main thread that began after the first paint. */
    longestTask: () =>
      page.evaluate(() => {
        const fcp = performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0;
        const late = globalThis.bench.tasks.filter(([start]) => start > fcp);
        return Math.max(0, ...late.map(([, duration]) => duration));
      }),
    /** Bytes in use after a collection, of the page and of its engine (null where the browser does not tell). */
    async heap() {
      const used = () => {
        globalThis.gc?.();
        return performance.memory?.usedJSHeapSize ?? null;
      };
      const [worker] = page.workers();
      return {
        page: await page.evaluate(used),
        engine: worker === undefined ? null : await worker.evaluate(used),
      };
    },
    close: () => context.close(),
  };
}
