/** A summary as the engine posts it while all is well. */
import type { LinkSummary, Summary } from '../../src/engine/bridge';

export function link(more: Partial<LinkSummary> = {}): LinkSummary {
  return {
    state: 'open',
    attempt: 0,
    retryInMs: null,
    closeCode: null,
    cause: null,
    remedy: null,
    needsToken: false,
    role: 'controller',
    node: 'gw-1',
    ...more,
  };
}

export function summary(more: Partial<Summary> = {}): Summary {
  return {
    run: 'town',
    link: link(),
    hasFrame: true,
    epoch: 'e1',
    tier: 'high',
    timeS: 12.5,
    step: 125,
    ageMs: 40,
    staleAfterMs: 1000,
    silentMs: 30,
    rttMs: 2,
    fps: 60,
    bytesPerS: 40_000,
    framesPerS: 10,
    dropped: 0,
    skipped: 0,
    decodeMs: 0.1,
    refreshMs: { median: 16.7, p95: 17 },
    paintedMs: { median: 20, p95: 40 },
    history: null,
    framesDrawn: 100,
    entitiesDrawn: 400,
    hops: [],
    metricsVersion: 1,
    metrics: { running: 400 },
    phases: {},
    layers: [],
    selection: null,
    follow: false,
    vectors: false,
    colour: 'speed',
    scale: 1,
    speedMax: null,
    types: [],
    trails: false,
    leftOut: [],
    detail: 0,
    scene: { state: 'none' },
    renderer: { state: 'ready', name: 'WebGL2', tier: 'webgl', note: null },
    ...more,
  };
}
