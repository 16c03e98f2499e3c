/** What the page is told ten times a second: small, plain, and copied from the engine at one moment. */
import type { LayerSummary, LinkSummary, Spread, Summary } from './bridge';
import type { Engine } from './engine';
import { layerRole, typeColumn, type ColourBy } from './layerStyle';
import type { Layer } from './layerStore';
import type { Recent } from './meters';

export function summarise(engine: Engine, nowMs: number): Summary {
  const { view, stage, session, clock } = engine;
  const { chain, playout } = view;
  const { layers, metrics, phases } = engine.shown;
  return {
    run: engine.run,
    link: link(engine, nowMs),
    hasFrame: view.hasFrame,
    epoch: chain.epoch,
    tier: chain.tier,
    timeS: engine.shownTimeS,
    step: engine.shownStep,
    ageMs: view.ageMs(nowMs),
    staleAfterMs: playout.staleAfterMs(),
    silentMs: playout.sinceArrivalMs(nowMs),
    rttMs: session.state === 'open' ? clock.rttMs : null,
    fps: engine.fps.perSecond(nowMs),
    bytesPerS: engine.bytes.perSecond(nowMs),
    framesPerS: engine.frames.perSecond(nowMs),
    dropped: engine.dropped,
    skipped: engine.skipped(nowMs),
    decodeMs: engine.decodeMs.value,
    refreshMs: spread(engine.refreshMs),
    paintedMs: spread(engine.paintedMs),
    history: engine.lookBack.summary(chain),
    framesDrawn: stage.framesDrawn,
    entitiesDrawn: stage.entitiesDrawn,
    hops: view.hops,
    metricsVersion: chain.metricsVersion,
    metrics,
    phases,
    layers: engine.filter.complete(
      [...layers].map(([name, layer]) => layerSummary(name, layer, engine)),
      stage.hidden,
    ),
    selection: engine.selection,
    follow: stage.viewpoint.follow,
    vectors: stage.vectors,
    colour: stage.colour,
    scale: stage.viewpoint.camera.scale,
    speedMax: stage.speedMax,
    types: stage.legend,
    trails: stage.overlays.trailsOn,
    leftOut: chain.leftOut,
    detail: engine.detail.level,
    scene: stage.sceneStatus,
    renderer: stage.rendererStatus,
  };
}

function link({ session }: Engine, nowMs: number): LinkSummary {
  const { trouble, retryAtMs } = session;
  return {
    state: session.state,
    attempt: session.attempt,
    retryInMs: retryAtMs === null ? null : Math.max(0, retryAtMs - nowMs),
    closeCode: session.closeCode,
    cause: trouble?.cause ?? null,
    remedy: trouble?.remedy ?? null,
    needsToken: trouble?.reconnect === 'token',
    role: session.role,
    node: session.node,
  };
}

export function layerSummary(name: string, layer: Layer, { stage, groups }: Engine): LayerSummary {
  const role = layerRole(name, layer);
  const colours: ColourBy[] = [];
  if (role === 'entities' && layer.columns.has('speed')) colours.push('speed');
  if (role === 'entities' && typeColumn(layer) !== null) colours.push('type');
  const visible = !stage.hidden.has(name);
  const { cell, rows } = layer;
  return { name, role, rows, visible, sent: true, colours, cell, groups: groups.get(name) ?? null };
}

function spread(values: Recent): Spread | null {
  const median = values.quantile(0.5);
  const p95 = values.quantile(0.95);
  return median === null || p95 === null ? null : { median, p95 };
}
