/** The camera over time: fitted to what there is until a person takes over, or following one entity. */
import { fit, pan, union, zoomAt, type Bounds, type Camera, type Point, type Size } from './camera';

/** Followed from farther away than this an entity is a dot in a crowd: come closer. */
const FOLLOW_BELOW = 2;
const FOLLOW_SCALE = 4;
/** Spare room around a run without a scene, so that the view does not widen with every step of its entities. */
const MARGIN = 0.1;

export class Viewpoint {
  camera: Camera = { x: 0, y: 0, scale: 1 };
  size: Size = { width: 1, height: 1 };
  follow = false;
  movedByHand = false;
  /** What the camera was last fitted to; only used while the person has not moved it. */
  private fitted: Bounds | null = null;

  reset(): void {
    this.follow = false;
    this.movedByHand = false;
    this.fitted = null;
  }

  /** Shows all of `bounds`, and forgets that somebody had moved the view. */
  fit(bounds: Bounds | null): void {
    this.movedByHand = false;
    this.follow = false;
    if (bounds !== null) this.camera = fit(bounds, this.size);
    this.fitted = bounds;
  }

  /** A run without a scene has no known size: the view widens as its entities spread. Answers whether it did. */
  grow(bounds: Bounds | null): boolean {
    if (this.movedByHand || bounds === null) return false;
    const { fitted } = this;
    const grown = union(fitted, bounds);
    if (fitted !== null && grown.every((side, i) => side === fitted[i])) return false;
    const spare = fitted === null ? 0 : MARGIN * Math.max(grown[2] - grown[0], grown[3] - grown[1]);
    this.fitted = [grown[0] - spare, grown[1] - spare, grown[2] + spare, grown[3] + spare];
    this.camera = fit(this.fitted, this.size);
    return true;
  }

  pan(dx: number, dy: number): void {
    this.follow = false;
    this.byHand(pan(this.camera, dx, dy));
  }

  zoom(at: Point, factor: number): void {
    const centre = { x: this.size.width / 2, y: this.size.height / 2 };
    this.byHand(zoomAt(this.camera, this.size, this.follow ? centre : at, factor));
  }

  goTo(world: Point): void {
    this.follow = false;
    this.byHand({ ...this.camera, ...world });
  }

  setFollow(on: boolean): void {
    this.follow = on;
    if (!on) return;
    this.movedByHand = true;
    if (this.camera.scale < FOLLOW_BELOW) this.camera = { ...this.camera, scale: FOLLOW_SCALE };
  }

  /** The followed entity is there now. Answers whether the view has moved. */
  track({ x, y }: Point): boolean {
    if (x === this.camera.x && y === this.camera.y) return false;
    this.camera = { ...this.camera, x, y };
    return true;
  }

  /** The world's origin has moved by so much; what is seen stays the same. */
  shift(dx: number, dy: number): void {
    this.camera = { ...this.camera, x: this.camera.x + dx, y: this.camera.y + dy };
  }

  private byHand(camera: Camera): void {
    this.camera = camera;
    this.movedByHand = true;
  }
}
