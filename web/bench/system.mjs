// What the bench runs on: `lanecast up` as a user starts it, the synthetic source, and a browser; all ended with the bench.
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PYTHON = process.env.PYTHON ?? join(ROOT, '.venv/bin/python');

const ENV = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('LANECAST_')),
);

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function run(args, folder, env = {}) {
  const log = openSync(join(folder, 'log'), 'a');
  const child = spawn(PYTHON, args, {
    cwd: folder,
    env: { ...ENV, ...env },
    stdio: ['ignore', log, log],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    get code() {
      return child.exitCode;
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** A whole system with Cologne's traffic; answers where it is, and how to end it. */
export async function startSystem({ demo = true } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'lanecast-bench-web-'));
  const stateFile = join(folder, 'state.json');
  const args = ['-m', 'lanecast.ops', 'up', '--port', '0', '--data', join(folder, 'data')];
  args.push('--state', stateFile, ...(demo ? ['--demo', 'cologne8'] : []));
  const system = run(args, folder);
  const state = () => {
    try {
      return JSON.parse(readFileSync(stateFile, 'utf8'));
    } catch {
      return {};
    }
  };
  for (let i = 0; !state().ready; i++) {
    if (system.code !== null || i > 1200) {
      throw new Error(`the system does not start:\n${readFileSync(join(folder, 'log'), 'utf8')}`);
    }
    await sleep(50);
  }
  const { url, redis_url: redisUrl } = state();
  return {
    url,
    /** A synthetic run; ends by `stop`. */
    source(scene, ...more) {
      const file = join(ROOT, 'web/bench/source.py');
      return run([file, scene, ...more.map(String)], folder, { LANECAST_REDIS_URL: redisUrl });
    },
    async stop() {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--enable-unsafe-swiftshader',
      '--enable-precise-memory-info',
      '--js-flags=--expose-gc',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
