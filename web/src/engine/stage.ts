/**
 * What is on the canvas: the camera, the scene, one draw list per layer, the selection; and when to draw.
 *
 * It draws only when something moves or has changed, and keeps the last picture otherwise.
 */
import type { SceneStatus, RendererStatus, ThemeName } from './bridge';
import { fit, pan, union, zoomAt, type Bounds, type Camera, type Point, type Size } from './camera';
import { DrawList } from './drawList';
import { edgeSpeeds, linesByEdge } from './edgeSpeeds';
import { layerRole, niceCeiling, type ColourBy, type LayerRole } from './layerStyle';
import type { Layer } from './layerStore';
import { pick, type Picked } from './picking';
import type { Playout } from './playout';
import type { Renderer } from './render/renderer';
import type { SceneMesh } from './sceneMesh';

/** Drawn from the bottom up: a queue of vehicles must not hide the signal that it waits for. */
const ORDER: readonly LayerRole[] = ['entities', 'lights'];

export interface StageUpdate {
  /** How far the last move had come. */
  alpha: number;
  /** Simulation seconds since the frame before. */
  elapsedS: number;
  /** The layers that the frame names, null for all. */
  changed: ReadonlySet<string> | null;
  /** Whether this is a new moment of the simulation. */
  advanced: boolean;
}

export class Stage {
  camera: Camera = { x: 0, y: 0, scale: 1 };
  selected: Picked | null = null;
  follow = false;
  vectors = false;
  colour: ColourBy = 'speed';
  rendererStatus: RendererStatus = { state: 'unsupported', cause: 'not started' };
  sceneStatus: SceneStatus = { state: 'none' };
  framesDrawn = 0;
  readonly hidden = new Set<string>();
  readonly lists = new Map<string, DrawList>();

  private size: Size = { width: 1, height: 1 };
  private ratio = 1;
  private renderer: Renderer | null = null;
  private theme: ThemeName = 'dark';
  private mesh: SceneMesh | null = null;
  private lines = new Map<string, number[]>();
  private origin: Point | null = null;
  /** What the camera was last fitted to; only used while the person has not moved it. */
  private fitted: Bounds | null = null;
  private movedByHand = false;
  private dirty = true;
  private drawnAlpha = -1;
  private speedSeen = 0;

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

  /** The end of the speed scale that entities and roads share; null while nothing is coloured by speed. */
  get speedMax(): number | null {
    return this.speedSeen > 0 ? niceCeiling(this.speedSeen) : null;
  }

  get entitiesDrawn(): number {
    let sum = 0;
    for (const [name, list] of this.lists) {
      if (list.role === 'entities' && !this.hidden.has(name)) sum += list.count;
    }
    return sum;
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
    this.size = { width: Math.max(1, width), height: Math.max(1, height) };
    this.ratio = ratio;
    if (!this.movedByHand) this.fit();
    this.dirty = true;
  }

  /** Forgets everything about the run that was shown. */
  private clear(): void {
    for (const name of this.lists.keys()) this.renderer?.removeLayer(name);
    this.lists.clear();
    this.selected = null;
    this.follow = false;
    this.movedByHand = false;
    this.fitted = null;
    this.origin = null;
    this.speedSeen = 0;
    this.setScene(null, { state: 'none' });
  }

  setScene(mesh: SceneMesh | null, status: SceneStatus): void {
    this.sceneStatus = status;
    this.mesh = mesh;
    this.lines = linesByEdge(mesh?.lineIds ?? []);
    this.renderer?.setScene(mesh);
    if (mesh !== null) {
      this.moveOrigin({ x: mesh.originX, y: mesh.originY });
      if (!this.movedByHand) this.fit();
    }
    this.updateEdges();
    this.dirty = true;
  }

  /** A frame has been applied to the layers. */
  update({ alpha, elapsedS, changed, advanced }: StageUpdate): void {
    this.chooseOrigin();
    for (const name of this.lists.keys()) {
      if (!this.layers.has(name)) this.drop(name);
    }
    for (const [name, layer] of this.layers) {
      const role = layerRole(name, layer);
      let list = this.lists.get(name);
      if (list !== undefined && list.role !== role) {
        this.drop(name);
        list = undefined;
      }
      if (list === undefined) {
        list = new DrawList(role);
        this.lists.set(name, list);
      }
      const named = changed === null || changed.has(name);
      // With a new moment an unchanged layer is packed again too: its last move must not be played twice.
      const packs = advanced || named;
      if (packs && (role === 'entities' || role === 'lights')) {
        this.pack(name, layer, list, alpha, elapsedS);
      }
      if (role === 'edges' && named) this.updateEdges();
    }
    this.growFit();
    this.dirty = true;
  }

  /** Draws if there is anything to draw. Answers whether it did. */
  draw(nowMs: number): boolean {
    const alpha = this.playout.alpha(nowMs);
    this.followSelected(alpha);
    if (this.renderer === null || this.rendererStatus.state !== 'ready') return false;
    if (!this.dirty && alpha === this.drawnAlpha) return false;
    this.renderer.draw({
      camera: this.camera,
      ...this.size,
      ratio: this.ratio,
      alpha,
      vectors: this.vectors,
      speedMax: this.speedMax ?? 1,
      layers: this.drawingOrder(),
      selected: this.selectedRow(),
    });
    this.dirty = false;
    this.drawnAlpha = alpha;
    this.framesDrawn += 1;
    return true;
  }

  /** Everything the renderer needs, once more: after it was made, or its context restored. */
  uploadAll(): void {
    const { renderer } = this;
    if (renderer === null) return;
    renderer.setTheme(this.theme);
    renderer.setScene(this.mesh);
    this.updateEdges();
    for (const [name, list] of this.lists) {
      if (list.role === 'entities' || list.role === 'lights') renderer.setLayer(name, list);
    }
    this.dirty = true;
  }

  fit(): void {
    this.movedByHand = false;
    this.follow = false;
    const bounds = this.mesh === null ? this.contentBounds() : this.meshBounds(this.mesh);
    if (bounds !== null) this.camera = fit(bounds, this.size);
    this.fitted = bounds;
    this.dirty = true;
  }

  pan(dx: number, dy: number): void {
    this.follow = false;
    this.byHand(pan(this.camera, dx, dy));
  }

  zoom(at: Point, factor: number): void {
    const centre = { x: this.size.width / 2, y: this.size.height / 2 };
    this.byHand(zoomAt(this.camera, this.size, this.follow ? centre : at, factor));
  }

  click(at: Point, nowMs: number): void {
    const visible = new Map([...this.lists].filter(([name]) => !this.hidden.has(name)));
    this.select(pick(visible, this.camera, this.size, at, this.playout.alpha(nowMs)));
  }

  select(picked: Picked | null): void {
    this.selected = picked;
    if (picked === null) this.follow = false;
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
    this.follow = on && this.selected !== null;
    if (this.follow) {
      this.movedByHand = true;
      // Following from far away shows a dot in a crowd: come closer.
      if (this.camera.scale < 2) this.camera = { ...this.camera, scale: 4 };
    }
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
    const alpha = this.playout.alpha(nowMs);
    this.update({ alpha, elapsedS: Infinity, changed: null, advanced: false });
  }

  setVectors(on: boolean): void {
    this.vectors = on;
    this.dirty = true;
  }

  private byHand(camera: Camera): void {
    this.camera = camera;
    this.movedByHand = true;
    this.dirty = true;
  }

  private pack(name: string, layer: Layer, list: DrawList, alpha: number, elapsedS: number): void {
    const { x: originX, y: originY } = this.origin ?? { x: 0, y: 0 };
    list.update(layer, alpha, elapsedS, { originX, originY, colour: this.colour });
    this.speedSeen = Math.max(this.speedSeen, list.maxSpeed);
    this.renderer?.setLayer(name, list);
  }

  private drop(name: string): void {
    this.lists.delete(name);
    this.renderer?.removeLayer(name);
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
    if (!this.follow) return;
    const at = this.selectedRow();
    const pose = at === null ? null : this.lists.get(at.layer)?.pose(at.row, alpha);
    if (pose === null || pose === undefined) return;
    if (pose.x === this.camera.x && pose.y === this.camera.y) return;
    this.camera = { ...this.camera, x: pose.x, y: pose.y };
    this.dirty = true;
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
    this.camera = {
      ...this.camera,
      x: this.camera.x + from.x - to.x,
      y: this.camera.y + from.y - to.y,
    };
    // Packed poses belong to the old origin: pack afresh, without a move.
    for (const name of this.lists.keys()) this.drop(name);
    this.update({ alpha: 1, elapsedS: 0, changed: null, advanced: false });
  }

  private contentBounds(): Bounds | null {
    let bounds: Bounds | null = null;
    for (const list of this.lists.values()) {
      if (list.bounds !== null) bounds = union(bounds, list.bounds);
    }
    return bounds;
  }

  private meshBounds({ bounds, originX, originY }: SceneMesh): Bounds {
    const [x0, y0, x1, y1] = bounds;
    return [x0 - originX, y0 - originY, x1 - originX, y1 - originY];
  }

  /** A run without a scene has no known size: the view widens as its entities spread, until somebody takes over. */
  private growFit(): void {
    if (this.mesh !== null || this.movedByHand) return;
    const bounds = this.contentBounds();
    if (bounds === null) return;
    const grown = union(this.fitted, bounds);
    if (this.fitted !== null && grown.every((side, i) => side === this.fitted?.[i])) return;
    const margin =
      this.fitted === null ? 0 : 0.1 * Math.max(grown[2] - grown[0], grown[3] - grown[1]);
    this.fitted = [grown[0] - margin, grown[1] - margin, grown[2] + margin, grown[3] + margin];
    this.camera = fit(this.fitted, this.size);
  }
}
