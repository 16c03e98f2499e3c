/**
 * Camera pictures: decoded off the main thread, one at a time per camera, and the newest wins. A picture that comes while
 * another one of its camera is being decoded waits; the one that waited before it is skipped and counted.
 */
import type { ImageMessage } from '../protocol/messages';
import type { CameraImage } from './bridge';

type Decode = (blob: Blob) => Promise<ImageBitmap>;

interface Camera {
  waiting: { message: ImageMessage; ageMs: number | null } | null;
  skipped: number;
}

export class Images {
  private cameras = new Map<string, Camera>();

  constructor(
    private readonly show: (image: CameraImage) => void,
    private readonly decode: Decode = (blob) => createImageBitmap(blob),
  ) {}

  take(message: ImageMessage, ageMs: number | null): void {
    const known = this.cameras.get(message.camera);
    if (known === undefined) {
      const camera = { waiting: { message, ageMs }, skipped: message.skipped ?? 0 };
      this.cameras.set(message.camera, camera);
      void this.work(message.camera, camera);
      return;
    }
    known.skipped += message.skipped ?? 0;
    if (known.waiting !== null) known.skipped += 1;
    const idle = known.waiting === null && !this.busy.has(known);
    known.waiting = { message, ageMs };
    if (idle) void this.work(message.camera, known);
  }

  /** Another run: what is still being decoded is thrown away. */
  clear(): void {
    this.cameras = new Map();
  }

  private readonly busy = new WeakSet<Camera>();

  private async work(name: string, camera: Camera): Promise<void> {
    this.busy.add(camera);
    while (camera.waiting !== null) {
      const { message, ageMs } = camera.waiting;
      camera.waiting = null;
      // One after the other is the point here.
      // oxlint-disable-next-line no-await-in-loop
      await this.one(name, camera, message, ageMs);
    }
    this.busy.delete(camera);
  }

  private async one(
    name: string,
    camera: Camera,
    message: ImageMessage,
    ageMs: number | null,
  ): Promise<void> {
    let bitmap: ImageBitmap;
    try {
      bitmap = await this.decode(new Blob([message.data.slice()], { type: message.mime }));
    } catch {
      // A broken picture is one that nobody sees; the next one comes anyway.
      camera.skipped += 1;
      return;
    }
    if (this.cameras.get(name) !== camera) {
      bitmap.close();
      return;
    }
    this.show({
      run: message.run,
      camera: name,
      bitmap,
      step: message.step ?? null,
      timeS: message.time_s,
      ageMs,
      skipped: camera.skipped,
    });
  }
}
