/**
 * The newest picture of every camera, outside React and the store: tiles are told of a picture and draw it themselves.
 *
 * Newest wins: a picture that nobody has drawn yet is closed when the next one comes, and so is one that was drawn.
 */
import type { CameraImage } from '../engine/bridge';

export class Cameras {
  private readonly images = new Map<string, CameraImage>();
  private readonly listeners = new Set<() => void>();
  private known: readonly string[] = [];

  take(image: CameraImage): void {
    this.images.get(image.camera)?.bitmap.close();
    this.images.set(image.camera, image);
    if (!this.known.includes(image.camera)) this.known = [...this.known, image.camera].toSorted();
    this.tell();
  }

  /** The same array as long as the cameras are the same. */
  readonly names = (): readonly string[] => this.known;

  newest(camera: string): CameraImage | undefined {
    return this.images.get(camera);
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  clear(): void {
    for (const { bitmap } of this.images.values()) bitmap.close();
    this.images.clear();
    this.known = [];
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
