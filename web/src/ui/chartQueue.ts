/** Lets charts and panels be made one at a time, in idle moments: several at once would hold the page for longer than a frame. */
const LONGEST_WAIT_MS = 200;

let queue: Promise<void> = Promise.resolve();

export function inTurn(): Promise<void> {
  queue = queue.then(idle);
  return queue;
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') {
      requestIdleCallback(() => resolve(), { timeout: LONGEST_WAIT_MS });
    } else {
      setTimeout(resolve, 30);
    }
  });
}

/** What wants to be drawn again, first come, first served. */
const waiting = new Set<() => void>();
let asked = false;

/** Draws before one of the next screen refreshes, never two of them before the same one. */
export function drawInTurn(draw: () => void): void {
  waiting.add(draw);
  if (!asked) next();
}

export function cancelDraw(draw: () => void): void {
  waiting.delete(draw);
}

function next(): void {
  asked = waiting.size > 0;
  if (!asked) return;
  requestAnimationFrame(() => {
    const [draw] = waiting;
    if (draw !== undefined) {
      waiting.delete(draw);
      draw();
    }
    next();
  });
}
