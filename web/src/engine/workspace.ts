/**
 * The memory that a layer's texels live in, and the one loop over all of them that runs with every frame: joining the newest
 * poses to those shown until now. In WebAssembly where it has been loaded, in plain typed arrays until then and elsewhere; the
 * same tests run both, and nobody else can tell them apart.
 */
import { isJump, mix, nearestAngle } from './interpolation';

const FLOATS = 12;
const PAGE_BYTES = 65_536;
/** Places in `out`. */
export const OUT = { longest: 0, x0: 1, y0: 2, x1: 3, y1: 4 } as const;

export interface Workspace {
  /** Whether it is WebAssembly that works here. */
  readonly compiled: boolean;
  /** Entities that fit in. */
  readonly room: number;
  /** Of the frame before and of this one, by turns. */
  readonly texels: readonly [Float32Array, Float32Array];
  /** For each row the row that the entity had before, -1: it is new. */
  readonly from: Int32Array;
  /** What `join` has measured, see {@link OUT}. */
  readonly out: Float64Array;
  /**
   * Makes the pose shown until now (`alpha` between the two of the other texels) the earlier pose in `texels[newest]`, unless
   * that is a jump; and measures the longest move and the bounds.
   */
  join(newest: 0 | 1, rows: number, alpha: number, elapsedS: number): void;
}

export class PlainWorkspace implements Workspace {
  readonly compiled = false;
  readonly texels: readonly [Float32Array, Float32Array];
  readonly from: Int32Array;
  readonly out = new Float64Array(5);

  constructor(readonly room: number) {
    this.texels = [new Float32Array(room * FLOATS), new Float32Array(room * FLOATS)];
    this.from = new Int32Array(room);
  }

  join(newest: 0 | 1, rows: number, alpha: number, elapsedS: number): void {
    const texels = this.texels[newest];
    const old = this.texels[newest === 0 ? 1 : 0];
    const { from, out } = this;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    let longest = 0;
    for (let row = 0; row < rows; row++) {
      const at = row * FLOATS;
      const source = from[row] ?? -1;
      if (source >= 0) {
        const moved = moveFrom(old, source * FLOATS, texels, at, alpha, elapsedS);
        if (moved > longest) longest = moved;
      }
      const x = texels[at + 2] ?? 0;
      const y = texels[at + 3] ?? 0;
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    out[OUT.longest] = longest;
    out[OUT.x0] = x0;
    out[OUT.y0] = y0;
    out[OUT.x1] = x1;
    out[OUT.y1] = y1;
  }
}

type Join = (
  rows: number,
  from: number,
  texels: number,
  old: number,
  alpha: number,
  elapsedS: number,
  out: number,
) => void;

export class WasmWorkspace implements Workspace {
  readonly compiled = true;
  readonly texels: readonly [Float32Array, Float32Array];
  readonly from: Int32Array;
  readonly out: Float64Array;
  private readonly call: Join;

  constructor(
    readonly room: number,
    module: WebAssembly.Module,
  ) {
    const bytes = room * FLOATS * 4;
    const pages = Math.ceil((64 + 2 * bytes + room * 4) / PAGE_BYTES);
    // Never grown: growing would take the views away. A larger layer gets another workspace.
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const instance = new WebAssembly.Instance(module, { env: { memory } });
    this.call = instance.exports['join'] as Join;
    this.out = new Float64Array(memory.buffer, 0, 5);
    this.texels = [
      new Float32Array(memory.buffer, 64, room * FLOATS),
      new Float32Array(memory.buffer, 64 + bytes, room * FLOATS),
    ];
    this.from = new Int32Array(memory.buffer, 64 + 2 * bytes, room);
  }

  join(newest: 0 | 1, rows: number, alpha: number, elapsedS: number): void {
    const texels = this.texels[newest].byteOffset;
    const old = this.texels[newest === 0 ? 1 : 0].byteOffset;
    this.call(rows, this.from.byteOffset, texels, old, alpha, elapsedS, this.out.byteOffset);
  }
}

let loaded: WebAssembly.Module | null = null;

/** Workspaces made from now on use these kernels; null: none. */
export function installKernels(module: WebAssembly.Module | null): void {
  loaded = module;
}

export function hasKernels(): boolean {
  return loaded !== null;
}

export function makeWorkspace(room: number): Workspace {
  return loaded === null ? new PlainWorkspace(room) : new WasmWorkspace(room, loaded);
}

/** Fetches the kernels. Without them everything works as well, only slower: failing is not worth a word. */
export async function loadKernels(): Promise<void> {
  try {
    const response = await fetch(new URL('./kernels.wasm', import.meta.url));
    if (response.ok) installKernels(await WebAssembly.compile(await response.arrayBuffer()));
  } catch {
    installKernels(null);
  }
}

/** Answers how far the entity moves, with its turn. */
function moveFrom(
  old: Float32Array,
  oldAt: number,
  texels: Float32Array,
  at: number,
  alpha: number,
  elapsedS: number,
): number {
  const x = mix(old[oldAt] ?? 0, old[oldAt + 2] ?? 0, alpha);
  const y = mix(old[oldAt + 1] ?? 0, old[oldAt + 3] ?? 0, alpha);
  const dx = (texels[at + 2] ?? 0) - x;
  const dy = (texels[at + 3] ?? 0) - y;
  const distance = Math.sqrt(dx * dx + dy * dy);
  const hasSpeed = (texels[at + 6] ?? -1) >= 0;
  const speed = Math.max(texels[at + 6] ?? 0, old[oldAt + 6] ?? 0);
  if (hasSpeed && isJump(distance, speed, elapsedS)) return 0;
  const angle = mix(old[oldAt + 4] ?? 0, old[oldAt + 5] ?? 0, alpha);
  const turned = nearestAngle(angle, texels[at + 5] ?? 0);
  texels[at] = x;
  texels[at + 1] = y;
  texels[at + 4] = angle;
  texels[at + 5] = turned;
  // The nose of a long vehicle that turns on the spot moves too.
  return distance + (Math.abs(turned - angle) * (texels[at + 8] ?? 0)) / 2;
}
