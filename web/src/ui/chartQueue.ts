/** Lets charts be made one at a time, in idle moments: several at once would hold the page for longer than a frame. */
let queue: Promise<void> = Promise.resolve();

export function inTurn(): Promise<void> {
  queue = queue.then(idle);
  return queue;
}

function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback === 'function') {
      requestIdleCallback(() => resolve(), { timeout: 500 });
    } else {
      setTimeout(resolve, 30);
    }
  });
}
