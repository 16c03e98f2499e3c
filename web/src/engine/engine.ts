/**
 * The engine: takes the page's wishes and the gateway's messages, keeps the run's state and has it drawn.
 *
 * It runs in a Web Worker and is the only owner of the socket, the layers and the canvas. The page learns about it through
 * summaries and single events (see `bridge.ts`).
 */
import type { FrameMessage, GatewayMessage, Level, LosslessMessage } from '../protocol/messages';
import type { FromEngine, GroupSummary, SelectionSummary, TableWish, ToEngine } from './bridge';
import { ServerClock } from './clock';
import { Detail } from './detail';
import { TierChooser } from './drawingTier';
import { findEntities, tableWindow } from './entityTable';
import type { Moment } from './frameHistory';
import { FrameInbox } from './frameInbox';
import { groupsOf } from './groups';
import { Images } from './images';
import { RateMeter, Recent, Smoothed } from './meters';
import { LookBack } from './lookBack';
import { Minimap } from './minimap';
import { RunView } from './runView';
import { LayerFilter } from './layerFilter';
import { stageFor } from './runKinds';
import { loadScene } from './sceneLoader';
import { buildSceneMesh } from './sceneMesh';
import { Session, type SessionEvent } from './session';
import { GatewaySocket } from './socket';
import { Stage } from './stage';
import { Surfaces } from './surfaces';
import { layerSummary, summarise } from './summary';
import { loadKernels } from './workspace';

const SUMMARY_EVERY_MS = 100;
const REPORT_EVERY_MS = 2000;
const SCENE_RETRY_MS = 3000;
const TWO_REFRESHES_MS = 34;
const HIDDEN_AFTER_MS = 500;
const TABLE_EVERY_MS = 500;
/** How long skipped frames are told about. */
const SKIPPED_SHOWN_MS = 5000;
/** A map that takes longer is not waited for before it is decided how to draw. */
const MAP_WAIT_MS = 500;

export type PostMessage = (message: FromEngine, transfer?: Transferable[]) => void;

export class Engine {
  readonly session = new Session();
  readonly clock = new ServerClock();
  readonly fps = new RateMeter(1000);
  readonly bytes = new RateMeter(2000);
  readonly frames = new RateMeter(2000);
  readonly decodeMs = new Smoothed();
  /** About half a minute. */
  readonly refreshMs = new Recent(2048);
  readonly paintedMs = new Recent();
  run: string | null = null;
  view = new RunView();
  readonly stage = new Stage(this.view.chain.layers, this.view.playout);
  readonly detail = new Detail();
  dropped = 0;
  shownTimeS = 0;
  shownStep = 0;
  selection: SelectionSummary | null = null;
  /** By layer; counted twice a second. */
  readonly groups = new Map<string, GroupSummary | null>();

  /** Layers that were switched off, and so do not come any more. */
  readonly filter = new LayerFilter();
  readonly lookBack = new LookBack();
  private wish = { tier: 'auto', images: true };
  private readonly inbox = new FrameInbox();
  private socket: GatewaySocket | null = null;
  private apiUrl = '';
  private token: string | null = null;
  private sceneVersion: string | null = null;
  private sceneAbort = new AbortController();
  /** Since when the newest frame has waited to be drawn. */
  private waitingSinceMs: number | null = null;
  private lastLoopMs = 0;
  private nextReportMs = 0;
  private lastLink = '';
  private chainBroken = false;
  private table: TableWish | null = null;
  private nextTableMs = 0;
  private skippedFrames = 0;
  private skippedUntilMs = 0;
  private readonly chooser = new TierChooser();
  private readonly surfaces: Surfaces;
  private readonly minimap = new Minimap();
  private readonly images: Images;
  /** Since when there has been something to draw. */
  private contentSinceMs: number | null = null;
  private drewLastLoop = false;
  private labelsTold = '';

  constructor(private readonly post: PostMessage) {
    this.surfaces = new Surfaces({
      post,
      changed: (renderer, status) => {
        this.stage.setRenderer(renderer, status);
        this.resetDetail();
      },
      log: (level, text) => this.log(level, text),
    });
    this.images = new Images((image) => this.post({ type: 'image', image }, [image.bitmap]));
  }

  handle(message: ToEngine): void {
    const nowMs = performance.now();
    const { stage } = this;
    switch (message.type) {
      case 'start':
        this.start(message, nowMs);
        break;
      case 'token':
        this.token = message.token;
        this.session.start(message.token, nowMs);
        break;
      case 'watch':
        this.watch(message.run, message.tier, message.images, nowMs);
        break;
      case 'appeared':
        this.session.appeared(message.run, nowMs);
        break;
      case 'retry':
        this.session.retryNow(nowMs);
        break;
      case 'online':
        if (this.session.state === 'reconnecting') this.session.retryNow(nowMs);
        break;
      case 'command':
        this.command(message);
        break;
      case 'resize':
        stage.resize(message.width, message.height, message.ratio);
        break;
      case 'theme':
        stage.setTheme(message.theme);
        break;
      case 'pan':
        stage.pan(message.dx, message.dy);
        break;
      case 'zoom':
        stage.zoom(message, message.factor);
        break;
      case 'fit':
        stage.fit();
        break;
      case 'click':
        stage.click(message, nowMs);
        break;
      case 'select':
        stage.select(message.layer === null ? null : { layer: message.layer, id: message.id });
        break;
      case 'step-selection':
        stage.stepSelection(message.by);
        break;
      case 'follow':
        stage.setFollow(message.on);
        break;
      case 'vectors':
        stage.setVectors(message.on);
        break;
      case 'colour':
        stage.setColour(message.by, nowMs);
        break;
      case 'surface':
        this.surfaces.arrived(message.tier, message.serial, message.canvas);
        break;
      case 'remount':
        this.surfaces.renew();
        break;
      case 'drawing':
        if (message.tier !== undefined) this.chooser.choice = message.tier;
        if (message.maxFps !== undefined) stage.options.maxFps = message.maxFps;
        if (message.thresholdPx !== undefined) stage.options.thresholdPx = message.thresholdPx;
        break;
      case 'minimap':
        this.minimap.mount(message.canvas, message.width, message.height, message.ratio);
        break;
      case 'minimap-go':
        stage.goTo(this.minimap.world(message));
        break;
      case 'look':
        if (this.lookBack.go(message.to)) this.look();
        break;
      case 'trails':
        stage.setTrails(message.on);
        break;
      case 'layer-visible':
        this.noteLayer(message.layer);
        stage.setVisible(message.layer, message.visible);
        this.tellWish(nowMs);
        break;
      case 'table':
        this.table = message.wish;
        this.tellTable();
        break;
      case 'find': {
        const { query, limit } = message;
        const matches = findEntities(this.shown.layers, query, limit);
        this.post({ type: 'found', query, matches });
        break;
      }
    }
    this.act();
  }

  private start(message: Extract<ToEngine, { type: 'start' }>, nowMs: number): void {
    this.apiUrl = message.apiUrl;
    this.token = message.token;
    this.socket = new GatewaySocket(message.socketUrl, {
      opened: () => this.feed(() => this.session.opened(performance.now())),
      message: (received, bytes, decodeMs) => this.received(received, bytes, decodeMs),
      closed: (code, reason) =>
        this.feed(() => this.session.closed(code, reason, performance.now())),
    });
    void loadKernels();
    this.stage.setTheme(message.theme);
    this.stage.resize(message.width, message.height, message.ratio);
    this.session.start(message.token, nowMs);
    setInterval(() => this.beat(), SUMMARY_EVERY_MS);
    const loop = (): void => {
      this.paint();
      requestAnimationFrame(loop);
    };
    requestAnimationFrame(loop);
  }

  private watch(run: string | null, tier: string, images: boolean, nowMs: number): void {
    this.wish = { tier, images };
    if (run !== this.run) {
      this.run = run;
      this.inbox.clear();
      this.sceneAbort.abort();
      this.sceneVersion = null;
      this.view = new RunView();
      this.stage.adopt(this.view.chain.layers, this.view.playout);
      this.chooser.reset();
      this.images.clear();
      this.paintedMs.clear();
      this.contentSinceMs = null;
      this.resetDetail();
      this.dropped = 0;
      this.shownTimeS = this.shownStep = 0;
      this.selection = null;
      this.groups.clear();
      this.skippedUntilMs = 0;
      this.filter.clear();
      this.lookBack.clear();
      this.stage.hidden.clear();
    }
    this.tellWish(nowMs);
  }

  /** Asks the gateway for what is wanted now; layers that are hidden are not sent at all. */
  private tellWish(nowMs: number): void {
    const { tier, images } = this.wish;
    const layers = this.filter.wanted(this.stage.hidden, this.view);
    this.session.watch(this.run, tier, nowMs, { images, layers });
  }

  private command(message: Extract<ToEngine, { type: 'command' }>): void {
    const { run, commandId, name, args } = message;
    const sent = this.session.trySend({ type: 'command', run, command_id: commandId, name, args });
    if (sent) return;
    this.post({
      type: 'command-refused',
      commandId,
      error: 'Not connected: the command was not sent.',
      field: null,
    });
  }

  private feed(input: () => void): void {
    input();
    this.act();
  }

  /** Carries out what the session decided. Sending never answers at once, so this cannot recurse. */
  private act(): void {
    for (const action of this.session.drain()) {
      if (action.do === 'connect') {
        this.clock.reset();
        this.socket?.connect();
      } else if (action.do === 'send') this.socket?.send(action.message);
      else if (action.do === 'abandon') this.socket?.abandon();
      else this.event(action.event);
    }
  }

  private received(message: GatewayMessage, bytes: number, decodeMs: number): void {
    const nowMs = performance.now();
    this.bytes.add(nowMs, bytes);
    if (message.type === 'frame') this.decodeMs.add(decodeMs);
    this.feed(() => this.session.received(message, nowMs));
  }

  private event(event: SessionEvent): void {
    switch (event.kind) {
      case 'frame':
        if (this.inbox.push(event.message, performance.now())) this.takeFrames();
        break;
      case 'lossless':
        this.lossless(event.message);
        break;
      case 'subscribed': {
        const { message, arrival } = event;
        this.takeFrames();
        const known = this.view.info !== null;
        this.view.info = message.info;
        if (!known) stageFor(message.info.kind ?? '', this.stage);
        // A delta for a frame from before the gap must not be applied by chance.
        if (arrival === 'gap') this.view.chain.breakChain();
        this.post({ type: 'arrival', run: message.run, arrival, info: message.info });
        if (arrival === 'recovered') this.log('info', 'Resumed: nothing was missed.');
        if (arrival === 'gap') {
          this.log('warning', 'Resumed with a gap: messages from the time away may be missing.');
        }
        this.scene(message.info.scene ?? null);
        break;
      }
      case 'link':
        this.linkChanged();
        break;
      case 'other':
        this.other(event.message);
        break;
    }
  }

  private linkChanged(): void {
    const { state, trouble, closeCode } = this.session;
    if (state === this.lastLink) return;
    const before = this.lastLink;
    this.lastLink = state;
    if (state === 'open') {
      this.log('info', `Connected${this.session.node === null ? '' : ` to ${this.session.node}`}.`);
    } else if (trouble !== null && before === 'open') {
      const level = state === 'closed' ? 'error' : 'warning';
      this.log(level, `${trouble.cause} (code ${closeCode ?? 'none'})`);
    }
  }

  /** What is on the screen: the present, or the moment that is looked back at. */
  get shown(): Pick<Moment, 'layers' | 'metrics' | 'phases'> {
    const { layers, metrics, phases } = this.view.chain;
    return this.lookBack.moment ?? { layers, metrics: Object.fromEntries(metrics), phases };
  }

  private look(): void {
    const { moment, still } = this.lookBack;
    const { chain, playout } = this.view;
    this.stage.show(moment?.layers ?? chain.layers, moment === null ? playout : still);
    this.tellMoment();
  }

  private takeFrames(): void {
    for (const { message, arrivedMs } of this.inbox.drain()) this.frame(message, arrivedMs);
  }

  private frame(frame: FrameMessage, nowMs: number): void {
    const { view, stage } = this;
    const alpha = view.playout.alpha(nowMs);
    const { timeS, step, epoch, life } = view.chain;
    const outcome = view.take(frame);
    if (outcome === 'broken') {
      this.broken(view.chain.malformed, nowMs);
      return;
    }
    this.chainBroken = false;
    if (outcome === 'held') {
      this.lookBack.history.breakOff();
      return;
    }
    this.frames.add(nowMs);
    const changed = frame.key ? null : new Set(Object.keys(frame.layers));
    // A frame may bring events or metrics only. It is no new moment of the simulation: moves go on as they were, and it
    // does not make the run any less silent.
    const anew = frame.epoch !== epoch || view.chain.life !== life;
    const advanced = anew || frame.step > step || frame.time_s > timeS;
    const first = !view.hasFrame;
    const sinceMs = performance.now() - nowMs;
    if (advanced || first) view.arrived(frame, nowMs, Date.now() - sinceMs, this.clock);
    if (first) {
      this.nextTableMs = 0; // the panels are made with all that belongs in them
      this.tellMoment(); // there is a moment to tell even where nothing can be drawn
    }
    this.lookBack.history.add(frame, view.chain, nowMs);
    if (this.lookBack.moment !== null) return;
    stage.update({
      alpha,
      elapsedS: frame.time_s - timeS,
      timeS: frame.time_s,
      changed,
      advanced,
    });
    this.contentSinceMs ??= nowMs;
    this.countLate(nowMs);
    if (stage.rendererStatus.state !== 'ready') this.nowShown();
  }

  private lossless(message: LosslessMessage): void {
    const { view } = this;
    switch (message.type) {
      case 'run':
        view.info = message.info;
        this.post({ type: 'info', info: message.info });
        this.scene(message.info.scene ?? null);
        break;
      case 'status':
        this.log(message.level, message.text, message.time_s ?? null, message.at_ms ?? null, 'run');
        break;
      case 'control_state': {
        const { paused, stopping, params } = message;
        this.post({ type: 'control', run: message.run, control: { paused, stopping, params } });
        break;
      }
      case 'result':
        this.post({ type: 'result', result: message });
        break;
    }
  }

  private other(message: GatewayMessage): void {
    if (message.type === 'image') {
      if (message.run !== this.run) return;
      const age = this.clock.sinceMs(message.hops?.pub_ms ?? NaN, Date.now());
      this.images.take(message, age);
    } else if (message.type === 'pong') {
      this.clock.pong(performance.now() - message.t, Date.now(), message.server_ms);
    } else if (message.type === 'notice') {
      this.noteSkipped(message.skipped ?? 0);
      const level = (message.skipped ?? 0) > 0 ? 'warning' : 'info';
      this.log(level, message.text, null, null, 'gateway');
    } else if (message.type === 'error') {
      if (message.command_id != null) {
        this.post({
          type: 'command-refused',
          commandId: message.command_id,
          error: message.message,
          field: message.field ?? null,
        });
      } else {
        this.log('error', message.message, null, null, 'gateway');
      }
    }
  }

  /** Frames skipped in the last seconds: what is shown is the newest, but not all there was. */
  skipped(nowMs: number): number {
    return nowMs < this.skippedUntilMs ? this.skippedFrames : 0;
  }

  private noteSkipped(count: number): void {
    if (count === 0) return;
    const nowMs = performance.now();
    this.dropped += count;
    this.skippedFrames = this.skipped(nowMs) + count;
    this.skippedUntilMs = nowMs + SKIPPED_SHOWN_MS;
  }

  private noteLayer(name: string): void {
    const layer = this.view.chain.layers.get(name);
    if (layer !== undefined) this.filter.note(layerSummary(name, layer, this));
  }

  private tellTable(): void {
    if (this.table === null) return;
    const window = tableWindow(this.shown.layers, this.table, this.view.info?.layers);
    this.post({ type: 'table', window });
  }

  /** Fetches the scene when its version is new. */
  private scene(version: string | null): void {
    const { run } = this;
    if (run === null || version === this.sceneVersion) return;
    this.sceneVersion = version;
    this.sceneAbort.abort();
    this.sceneAbort = new AbortController();
    if (version === null) {
      this.stage.setScene(null, { state: 'none' });
      return;
    }
    this.stage.sceneStatus = { state: 'loading' };
    void this.fetchScene(run, version, this.sceneAbort.signal);
  }

  private async fetchScene(run: string, version: string, signal: AbortSignal): Promise<void> {
    try {
      const payload = await loadScene(this.apiUrl, run, version, this.token, signal);
      if (signal.aborted) return;
      const mesh = buildSceneMesh(payload);
      this.stage.setScene(mesh, { state: 'ready', lines: mesh.lineIds.length });
    } catch (error) {
      if (signal.aborted) return;
      const cause = error instanceof Error ? error.message : String(error);
      this.stage.sceneStatus = { state: 'failed', cause };
      this.log('warning', `The map could not be loaded: ${cause}. Trying again.`);
      setTimeout(() => {
        if (!signal.aborted) void this.fetchScene(run, version, signal);
      }, SCENE_RETRY_MS);
    }
  }

  private paint(): void {
    const nowMs = performance.now();
    const before = this.lastLoopMs;
    this.lastLoopMs = nowMs;
    this.fps.add(nowMs);
    this.takeFrames();
    this.chooseTier(nowMs);
    const sinceLastMs = nowMs - before;
    if (sinceLastMs < HIDDEN_AFTER_MS) this.refreshMs.add(sinceLastMs);
    const drew = this.stage.draw(nowMs);
    if (drew) {
      if (this.detail.setLeast(this.stage.detailNeeded)) this.applyDetail();
      this.surfaces.drawn();
      this.tellLabels(nowMs);
      if (this.waitingSinceMs !== null) {
        this.notePainted();
        this.nowShown();
      }
      // Only pictures in a row say how fast the machine is: else nothing moved.
      if (this.drewLastLoop && this.detail.add(sinceLastMs, nowMs)) this.applyDetail();
    }
    this.drewLastLoop = drew;
    this.minimap.draw(nowMs, () => this.stage.minimap());
  }

  private chooseTier(nowMs: number): void {
    if (this.contentSinceMs === null && this.stage.sceneStatus.state !== 'ready') return;
    const mapComes = this.stage.sceneStatus.state === 'loading';
    if (mapComes && nowMs - (this.contentSinceMs ?? nowMs) < MAP_WAIT_MS) return;
    this.surfaces.use(this.chooser.choose(this.stage.things, nowMs));
  }

  private resetDetail(): void {
    this.detail.reset();
    this.applyDetail();
  }

  private applyDetail(): void {
    this.stage.setDetail(this.detail.level, this.detail.stride);
  }

  /** Labels are told when they have changed; as long as none are near, nothing is. */
  private tellLabels(nowMs: number): void {
    const labels = this.stage.labels(nowMs);
    const text = JSON.stringify(labels);
    if (text === this.labelsTold) return;
    this.labelsTold = text;
    this.post({ type: 'labels', labels });
  }

  /** Nothing freezes silently: the first frame that cannot be applied is told, and a whole one asked for. */
  private broken(malformed: string | null, nowMs: number): void {
    this.dropped += 1;
    this.session.askKeyframe(nowMs);
    // Before the first keyframe deltas are expected not to fit, and once is enough until frames fit again.
    if (this.chainBroken || (malformed === null && !this.view.hasFrame)) return;
    this.chainBroken = true;
    const why =
      malformed === null
        ? 'A frame did not fit the last one'
        : `A frame was malformed (${malformed})`;
    this.log(malformed === null ? 'info' : 'error', `${why}: asked for a whole one.`);
  }

  /** Counts the frame before as dropped if this one replaces it unseen although there was time to draw it. */
  private countLate(nowMs: number): void {
    if (this.waitingSinceMs === null) {
      this.waitingSinceMs = nowMs;
      return;
    }
    // A hidden tab draws nothing on purpose: that is not slowness.
    const hidden = nowMs - this.lastLoopMs > HIDDEN_AFTER_MS;
    if (!hidden && nowMs - this.waitingSinceMs > TWO_REFRESHES_MS) this.dropped += 1;
    this.waitingSinceMs = nowMs;
  }

  private notePainted(): void {
    const ms = this.view.publishedMs;
    const age = ms === null ? null : this.clock.sinceMs(ms, Date.now());
    if (age !== null && age < HIDDEN_AFTER_MS * 20) this.paintedMs.add(age);
  }

  private nowShown(): void {
    this.waitingSinceMs = null;
    this.tellMoment();
  }

  private tellMoment(): void {
    const { timeS, step } = this.lookBack.moment ?? this.view.chain;
    this.shownTimeS = timeS;
    this.shownStep = step;
  }

  private beat(): void {
    const nowMs = performance.now();
    // Where nothing is painted (a hidden tab), this is when frames are applied.
    this.takeFrames();
    this.session.tick(nowMs);
    if (nowMs >= this.nextReportMs) {
      this.nextReportMs = nowMs + REPORT_EVERY_MS;
      this.report(nowMs);
    }
    if (nowMs >= this.nextTableMs) {
      this.nextTableMs = nowMs + TABLE_EVERY_MS;
      this.tellTable();
      for (const [name, layer] of this.shown.layers) this.groups.set(name, groupsOf(layer));
    }
    this.act();
    const { selected } = this.stage;
    this.selection =
      selected === null ? null : this.view.inspect(selected, this.selection, this.shown.layers);
    this.post({ type: 'summary', summary: summarise(this, nowMs) });
  }

  private report(nowMs: number): void {
    if (this.run === null || !this.view.hasFrame) return;
    this.session.trySend({
      type: 'report',
      run: this.run,
      fps: Math.round(this.fps.perSecond(nowMs)),
      dropped: this.dropped,
      decode_ms: Math.round(this.decodeMs.value * 1000) / 1000,
      age_ms: Math.round(this.view.ageMs(nowMs) ?? 0),
    });
  }

  private log(
    level: Level,
    text: string,
    timeS: number | null = null,
    atMs: number | null = null,
    source = 'page',
  ): void {
    this.post({ type: 'log', level, text, timeS, atMs: atMs ?? Date.now(), source });
  }
}
