/**
 * What is in the picture: the scene, one draw list per layer, the lines over and under them, the selection; and when to draw.
 *
 * It draws only when something moves or has changed by more than can be seen, and keeps the last picture otherwise.
 */
import type { DrawingOptions, RendererStatus, SceneStatus, ThemeName, TypeSummary } from './bridge';
import { union, type Bounds, type Point } from './camera';
import { DrawList } from './drawList';
import { edgeSpeeds, linesByEdge } from './edgeSpeeds';
import { labelsFor, type Label } from './labels';
import {
  colourBy,
  layerRole,
  niceCeiling,
  typeColumn,
  type ColourBy,
  type LayerRole,
} from './layerStyle';
import type { Layer } from './layerStore';
import { Overlays } from './overlays';
import { pick, type Picked } from './picking';
import type { Playout } from './playout';
import { colourOf, css, PALETTES } from './render/palette';
import type { MinimapContent } from './minimap';
import type { Renderer } from './render/renderer';
import type { SceneMesh } from './sceneMesh';
import { TypePalette } from './typePalette';
import { Viewpoint } from './viewpoint';

/** Drawn from the bottom up: a queue of vehicles must not hide the signal that it waits for. */
const ORDER: readonly LayerRole[] = ['entities', 'lights'];
const SVG_FPS = 30;
/** Layers with more entities than this have no names beside them. */
const LABELLED = 2000;
/** What a processor that draws in place of a graphics card manages: so many fine shapes, so many simple ones. */
const SOFTWARE_STEPS = [4000, 25_000];
/** The layer that everything else is about. */
const ACCENTED = 'ego';

export interface StageUpdate {
  /** How far the last move had come. */
  alpha: number;
  /** Simulation seconds since the frame before. */
  elapsedS: number;
  timeS: number;
  /** The layers that the frame names, null for all. */
  changed: ReadonlySet<string> | null;
  /** Whether this is a new moment of the simulation. */
  advanced: boolean;
}

export class Stage {
  readonly viewpoint = new Viewpoint();
  readonly overlays = new Overlays();
  selected: Picked | null = null;
  vectors = false;
  /** The layer whose first entity is followed as soon as it is there; null: none. */
  followFirst: string | null = null;
  colour: ColourBy = 'speed';
  options: Pick<DrawingOptions, 'maxFps' | 'thresholdPx'> = { maxFps: null, thresholdPx: 0.25 };
  /** What is left out to keep up. */
  detail = { simple: false, stride: 1 };
  rendererStatus: RendererStatus = { state: 'starting' };
  sceneStatus: SceneStatus = { state: 'none' };
  framesDrawn = 0;
  readonly hidden = new Set<string>();
  readonly lists = new Map<string, DrawList>();

  private ratio = 1;
  private renderer: Renderer | null = null;
  private theme: ThemeName = 'dark';
  private mesh: SceneMesh | null = null;
  private lines = new Map<string, number[]>();
  private origin: Point | null = null;
  private dirty = true;
  private drawnAlpha = -1;
  private nextDrawMs = 0;
  private speedSeen = 0;
  /** What has been applied to the layers since they were packed last; null: nothing. */
  private pending: StageUpdate | null = null;
  private readonly types = new TypePalette();

  constructor(
    private layers: ReadonlyMap<string, Layer>,
    private playout: Playout,
  ) {}

  /** Shows another run from now on. */
  adopt(layers: ReadonlyMap<string, Layer>, playout: Playout): void {
    this.clear();
    this.layers = layers;
    this.playout = playout;
  }

  /** Shows another moment of the same run: what is selected and seen stays. */
  show(layers: ReadonlyMap<string, Layer>, playout: Playout): void {
    this.layers = layers;
    this.playout = playout;
    this.pending = { alpha: 1, elapsedS: 0, timeS: 0, changed: null, advanced: false };
    this.dirty = true;
  }

  /** The end of the speed scale that entities and roads share; null while nothing is coloured by speed. */
  get speedMax(): number | null {
    return this.speedSeen > 0 ? niceCeiling(this.speedSeen) : null;
  }

  /** How much there is to draw: entities, signal heads, points, and lines of the map. */
  get things(): number {
    let sum = this.mesh?.linePaths.length ?? 0;
    for (const [name, layer] of this.layers) {
      if (!this.hidden.has(name) && isPlaced(layerRole(name, layer))) sum += layer.rows;
    }
    return sum;
  }

  /** What the colours of types stand for; empty while nothing visible is coloured by type. */
  get legend(): TypeSummary[] {
    const palette = PALETTES[this.theme];
    return this.types.names.map((name, index) => ({
      name,
      index,
      colour: css(colourOf(palette, index, 0)),
    }));
  }

  get entitiesDrawn(): number {
    let sum = 0;
    for (const [name, list] of this.lists) {
      if (list.role === 'entities' && !this.hidden.has(name)) sum += list.count;
    }
    return sum;
  }

  /** The level of detail left out that is known to be needed, see `detail.ts`. */
  get detailNeeded(): number {
    if (this.renderer?.software !== true) return 0;
    return SOFTWARE_STEPS.filter((most) => this.entitiesDrawn > most).length;
  }

  setRenderer(renderer: Renderer | null, status: RendererStatus): void {
    this.renderer = renderer;
    this.rendererStatus = status;
    this.uploadAll();
  }

  setTheme(theme: ThemeName): void {
    this.theme = theme;
    this.renderer?.setTheme(theme);
    this.dirty = true;
  }

  resize(width: number, height: number, ratio: number): void {
    this.viewpoint.size = { width: Math.max(1, width), height: Math.max(1, height) };
    this.ratio = ratio;
    if (!this.viewpoint.movedByHand) this.fit();
    this.dirty = true;
  }

  /** Forgets everything about the run that was shown. */
  private clear(): void {
    for (const name of this.lists.keys()) this.renderer?.removeLayer(name);
    for (const name of this.lists.keys()) this.dropLines(name);
    this.lists.clear();
    this.overlays.clear();
    this.types.clear();
    this.selected = null;
    this.viewpoint.reset();
    this.origin = null;
    this.speedSeen = 0;
    this.pending = null;
    this.setScene(null, { state: 'none' });
  }

  setScene(mesh: SceneMesh | null, status: SceneStatus): void {
    this.sceneStatus = status;
    this.mesh = mesh;
    this.lines = linesByEdge(mesh?.lineIds ?? []);
    this.renderer?.setScene(mesh);
    if (mesh !== null) {
      this.moveOrigin({ x: mesh.originX, y: mesh.originY });
      if (!this.viewpoint.movedByHand) this.fit();
    }
    this.updateEdges();
    this.dirty = true;
  }

  /**
   * A frame has been applied to the layers. It is packed with the next picture, together with all others that come until then:
   * what nobody will see costs nothing.
   */
  update(update: StageUpdate): void {
    this.pending = this.pending === null ? update : both(this.pending, update);
    this.dirty = true;
  }

  private packPending(): void {
    if (this.pending === null) return;
    const { alpha, elapsedS, timeS, changed, advanced } = this.pending;
    this.pending = null;
    this.chooseOrigin();
    for (const name of this.lists.keys()) {
      if (!this.layers.has(name)) this.drop(name);
    }
    for (const [name, layer] of this.layers) {
      const role = layerRole(name, layer);
      let list = this.lists.get(name);
      if (list !== undefined && (list.role !== role || list.cell !== layer.cell)) {
        this.drop(name);
        list = undefined;
      }
      if (list === undefined) {
        list = new DrawList(role, layer.cell);
        this.lists.set(name, list);
      }
      const named = changed === null || changed.has(name);
      // With a new moment an unchanged layer is packed again too: its last move must not be played twice.
      const packs = advanced || named;
      if (packs && isPlaced(role))
        this.pack(name, layer, list, alpha, elapsedS, advanced ? timeS : null);
      if (role === 'edges' && named) this.updateEdges();
    }
    if (this.mesh === null) this.viewpoint.grow(this.contentBounds());
    this.beginToFollow();
    this.dirty = true;
  }

  private beginToFollow(): void {
    const layer = this.followFirst;
    const list = layer === null ? undefined : this.lists.get(layer);
    if (layer === null || list === undefined || list.count === 0) return;
    this.followFirst = null;
    this.select({ layer, id: list.ids[0] ?? 0 });
    this.setFollow(true);
  }

  /** Draws if there is anything to draw. Answers whether it did. */
  draw(nowMs: number): boolean {
    if (nowMs < this.nextDrawMs) return false;
    this.packPending();
    const alpha = this.playout.alpha(nowMs);
    this.followSelected(alpha);
    if (this.renderer === null || this.rendererStatus.state !== 'ready') return false;
    if (!this.dirty && !this.movesVisibly(alpha)) return false;
    const { camera, size } = this.viewpoint;
    const visible = (name: string): boolean => !this.hidden.has(name);
    this.renderer.draw({
      camera,
      ...size,
      ratio: this.ratio,
      alpha,
      vectors: this.vectors,
      speedMax: this.speedMax ?? 1,
      layers: this.drawingOrder(),
      under: this.overlays.under(visible),
      over: this.vectors ? this.overlays.over(visible) : [],
      ...this.detail,
      selected: this.selectedRow(),
    });
    const maxFps = this.mostFps();
    // A little less than the pause asked for: refreshes do not come to the millisecond.
    this.nextDrawMs = maxFps === null ? 0 : nowMs + 1000 / maxFps - 4;
    this.dirty = false;
    this.drawnAlpha = alpha;
    this.framesDrawn += 1;
    return true;
  }

  /** The names beside what is in view now. */
  labels(nowMs: number): Label[] {
    const { camera, size } = this.viewpoint;
    const shown = [];
    for (const [name, list] of this.lists) {
      const layer = this.layers.get(name);
      if (layer === undefined || list.role !== 'entities' || this.hidden.has(name)) continue;
      if (list.count <= LABELLED && layer.rows === list.count) shown.push({ list, layer });
    }
    return labelsFor(shown, camera, size, this.playout.alpha(nowMs));
  }

  minimap(): MinimapContent {
    return {
      bounds: this.mesh === null ? this.contentBounds() : meshBounds(this.mesh),
      mesh: this.mesh,
      lists: [...this.lists].flatMap(([name, list]) =>
        list.role === 'entities' && !this.hidden.has(name) ? [list] : [],
      ),
      camera: this.viewpoint.camera,
      size: this.viewpoint.size,
      palette: PALETTES[this.theme],
    };
  }

  /** Everything the renderer needs, once more: after it was made, or its context restored. */
  uploadAll(): void {
    const { renderer } = this;
    if (renderer === null) return;
    renderer.setTheme(this.theme);
    renderer.setScene(this.mesh);
    this.updateEdges();
    for (const [name, list] of this.lists) {
      if (!isPlaced(list.role)) continue;
      renderer.setLayer(name, list);
      for (const [lines, content] of this.overlays.of(name)) renderer.setLines(lines, content);
    }
    this.dirty = true;
  }

  fit(): void {
    this.viewpoint.fit(this.mesh === null ? this.contentBounds() : meshBounds(this.mesh));
    this.dirty = true;
  }

  pan(dx: number, dy: number): void {
    this.viewpoint.pan(dx, dy);
    this.dirty = true;
  }

  zoom(at: Point, factor: number): void {
    this.viewpoint.zoom(at, factor);
    this.dirty = true;
  }

  goTo(world: Point): void {
    this.viewpoint.goTo(world);
    this.dirty = true;
  }

  click(at: Point, nowMs: number): void {
    const visible = new Map([...this.lists].filter(([name]) => !this.hidden.has(name)));
    const { camera, size } = this.viewpoint;
    this.select(pick(visible, camera, size, at, this.playout.alpha(nowMs)));
  }

  select(picked: Picked | null): void {
    this.selected = picked;
    if (picked === null) this.viewpoint.follow = false;
    this.dirty = true;
  }

  /** Selects the next or previous entity, so that the keyboard reaches every one. */
  stepSelection(by: 1 | -1): void {
    const name =
      this.selected?.layer ?? [...this.lists].find(([, list]) => list.role === 'entities')?.[0];
    const list = name === undefined ? undefined : this.lists.get(name);
    if (name === undefined || list === undefined || list.count === 0) return;
    const row = this.selected === null ? -1 : list.rowOf(this.selected.id);
    const next = row < 0 ? 0 : (row + by + list.count) % list.count;
    this.select({ layer: name, id: list.ids[next] ?? 0 });
  }

  setFollow(on: boolean): void {
    this.viewpoint.setFollow(on && this.selected !== null);
    this.dirty = true;
  }

  setTrails(on: boolean): void {
    this.overlays.setTrails(on);
    if (!on) for (const name of this.lists.keys()) this.renderer?.setLines(`trails ${name}`, null);
    this.dirty = true;
  }

  setDetail(level: number, stride: number): void {
    this.detail = { simple: level > 0, stride };
    this.dirty = true;
  }

  setVisible(layer: string, visible: boolean): void {
    if (visible) this.hidden.delete(layer);
    else this.hidden.add(layer);
    this.updateEdges();
    this.dirty = true;
  }

  /** Draw options that are packed into the lists. */
  setColour(by: ColourBy, nowMs: number): void {
    this.colour = by;
    this.types.clear();
    const alpha = this.playout.alpha(nowMs);
    this.packPending();
    this.update({ alpha, elapsedS: Infinity, timeS: 0, changed: null, advanced: false });
    this.packPending();
  }

  setVectors(on: boolean): void {
    this.vectors = this.overlays.vectorsOn = on;
    this.packPending();
    for (const [name, list] of this.lists) {
      const layer = this.layers.get(name);
      if (layer === undefined || !isPlaced(list.role)) continue;
      this.overlays.update(name, layer, list, null);
      this.tellLines(name);
    }
    this.dirty = true;
  }

  private pack(
    name: string,
    layer: Layer,
    list: DrawList,
    alpha: number,
    elapsedS: number,
    timeS: number | null,
  ): void {
    const { x: originX, y: originY } = this.origin ?? { x: 0, y: 0 };
    const byType = list.role === 'entities' && colourBy(layer, this.colour) === 'type';
    const values = layer.columns.get(typeColumn(layer) ?? '')?.values ?? null;
    const accent = name === ACCENTED;
    const types = byType && !accent && values !== null ? this.types.indexes(values) : null;
    list.update(layer, alpha, elapsedS, { originX, originY, types, accent });
    this.speedSeen = Math.max(this.speedSeen, list.maxSpeed);
    this.overlays.update(name, layer, list, timeS);
    this.renderer?.setLayer(name, list);
    this.tellLines(name);
  }

  private tellLines(name: string): void {
    if (this.renderer === null) return;
    for (const [lines, content] of this.overlays.of(name)) this.renderer.setLines(lines, content);
  }

  private drop(name: string): void {
    this.lists.delete(name);
    this.overlays.drop(name);
    this.renderer?.removeLayer(name);
    this.dropLines(name);
  }

  private dropLines(name: string): void {
    for (const [lines] of this.overlays.of(name)) this.renderer?.setLines(lines, null);
  }

  /** SVG is drawn by the page's own thread, which has other things to do. */
  private mostFps(): number | null {
    const { maxFps } = this.options;
    return this.renderer?.tier === 'svg' ? Math.min(maxFps ?? SVG_FPS, SVG_FPS) : maxFps;
  }

  /** Whether something has come far enough since the last picture to be seen elsewhere. */
  private movesVisibly(alpha: number): boolean {
    if (alpha === this.drawnAlpha) return false;
    let longest = 0;
    for (const [name, list] of this.lists) {
      if (!this.hidden.has(name) && list.maxMove > longest) longest = list.maxMove;
    }
    const share = Math.abs(alpha - this.drawnAlpha);
    return share * longest * this.viewpoint.camera.scale >= this.options.thresholdPx;
  }

  private drawingOrder(): string[] {
    return ORDER.flatMap((role) =>
      [...this.lists]
        .filter(([name, list]) => list.role === role && !this.hidden.has(name))
        .map(([name]) => name),
    );
  }

  private selectedRow(): { layer: string; row: number } | null {
    if (this.selected === null) return null;
    const row = this.lists.get(this.selected.layer)?.rowOf(this.selected.id) ?? -1;
    return row < 0 ? null : { layer: this.selected.layer, row };
  }

  private followSelected(alpha: number): void {
    if (!this.viewpoint.follow) return;
    const at = this.selectedRow();
    const pose = at === null ? undefined : this.lists.get(at.layer)?.pose(at.row, alpha);
    if (pose !== undefined && this.viewpoint.track(pose)) this.dirty = true;
  }

  private updateEdges(): void {
    if (this.mesh === null) return;
    const found = [...this.lists].find(([, list]) => list.role === 'edges')?.[0];
    const layer =
      found === undefined || this.hidden.has(found) ? undefined : this.layers.get(found);
    const count = Math.max(1, this.mesh.lineIds.length);
    if (layer === undefined) {
      this.renderer?.setEdgeSpeeds(new Float32Array(count).fill(-1));
      return;
    }
    const { speeds, max } = edgeSpeeds(layer, this.lines, count);
    this.speedSeen = Math.max(this.speedSeen, max);
    this.renderer?.setEdgeSpeeds(speeds);
  }

  /** float32 is exact to some centimetres only near its origin, so the first content chooses one near itself. */
  private chooseOrigin(): void {
    if (this.origin !== null) return;
    for (const layer of this.layers.values()) {
      const x = layer.columns.get('x');
      const y = layer.columns.get('y');
      if (x === undefined || y === undefined || layer.rows === 0) continue;
      this.origin = {
        x: x.origin + x.scale * (x.data[0] ?? 0),
        y: y.origin + y.scale * (y.data[0] ?? 0),
      };
      return;
    }
  }

  private moveOrigin(to: Point): void {
    const from = this.origin;
    this.origin = to;
    if (from === null || (from.x === to.x && from.y === to.y)) return;
    this.viewpoint.shift(from.x - to.x, from.y - to.y);
    // Packed poses belong to the old origin: pack afresh, without a move.
    for (const name of this.lists.keys()) this.drop(name);
    this.pending = { alpha: 1, elapsedS: 0, timeS: 0, changed: null, advanced: false };
    this.packPending();
  }

  private contentBounds(): Bounds | null {
    let bounds: Bounds | null = null;
    for (const list of this.lists.values()) {
      if (list.bounds !== null) bounds = union(bounds, list.bounds);
    }
    return bounds;
  }
}

function meshBounds({ bounds, originX, originY }: SceneMesh): Bounds {
  const [x0, y0, x1, y1] = bounds;
  return [x0 - originX, y0 - originY, x1 - originX, y1 - originY];
}

/** Two frames as one: from the pose that was shown when the first came to the newest one. */
function both(first: StageUpdate, second: StageUpdate): StageUpdate {
  const { changed: a } = first;
  const { changed: b } = second;
  return {
    alpha: first.alpha,
    elapsedS: first.elapsedS + second.elapsedS,
    timeS: second.timeS,
    changed: a === null || b === null ? null : new Set([...a, ...b]),
    advanced: first.advanced || second.advanced,
  };
}

/** Whether a layer's rows have places. */
function isPlaced(role: LayerRole): boolean {
  return role !== 'edges' && role !== 'data';
}
