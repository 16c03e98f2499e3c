/** The engine's Web Worker: nothing but the wiring. */
import type { FromEngine, ToEngine } from './bridge';
import { Engine } from './engine';

declare const self: DedicatedWorkerGlobalScope;

const engine = new Engine((message: FromEngine, transfer: Transferable[] = []) =>
  self.postMessage(message, transfer),
);

self.addEventListener('message', (event: MessageEvent<ToEngine>) => engine.handle(event.data));
self.addEventListener('online', () => engine.handle({ type: 'online' }));
