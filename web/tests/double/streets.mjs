/** A small made-up town for the test double: a street grid, vehicles that drive along it, signals that change. */

const BLOCK = 120;
const COLUMNS = 6;
const ROWS = 5;
const TYPES = ['car', 'truck', 'bus'];
const SIZES = [
  [4.5, 1.8],
  [9, 2.4],
  [12, 2.5],
];

/** A random source that gives the same town every time. */
function random(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 4294967296;
    return state / 4294967296;
  };
}

export class Streets {
  timeS = 0;
  step = 0;
  params = { demand: 1, max_speed: 13.9, rerouting: false, weather: 'dry' };

  constructor(wanted) {
    this.random = random(7);
    this.wanted = wanted;
    this.next = 1;
    this.edges = [];
    this.vehicles = [];
    for (let i = 0; i <= COLUMNS; i++) {
      for (let j = 0; j <= ROWS; j++) {
        if (i < COLUMNS) this.street(i, j, i + 1, j);
        if (j < ROWS) this.street(i, j, i, j + 1);
      }
    }
    this.out = new Map();
    for (const edge of this.edges) {
      const key = `${edge.from}`;
      this.out.set(key, [...(this.out.get(key) ?? []), edge]);
    }
    for (let n = 0; n < wanted; n++) this.enter(true);
  }

  street(i0, j0, i1, j1) {
    for (const [a, b] of [
      [
        [i0, j0],
        [i1, j1],
      ],
      [
        [i1, j1],
        [i0, j0],
      ],
    ]) {
      const angle = Math.atan2(b[1] - a[1], b[0] - a[0]);
      // Each direction keeps to its right.
      const [ox, oy] = [Math.sin(angle) * 2, -Math.cos(angle) * 2];
      this.edges.push({
        id: `e${a}_${b}`.replaceAll(',', '.'),
        from: `${a}`,
        to: `${b}`,
        angle,
        points: [a[0] * BLOCK + ox, a[1] * BLOCK + oy, b[0] * BLOCK + ox, b[1] * BLOCK + oy],
        phase: Math.round(angle / (Math.PI / 2)) % 2,
      });
    }
  }

  enter(anywhere) {
    const edge = this.edges[Math.floor(this.random() * this.edges.length)];
    const type = this.random() < 0.8 ? 0 : this.random() < 0.6 ? 1 : 2;
    const way = anywhere ? this.random() * BLOCK : 0;
    this.vehicles.push({
      id: this.next++,
      edge,
      way,
      type,
      speed: 8,
      pace: 0.6 + this.random() * 0.5,
    });
  }

  light(edge) {
    const at = (this.timeS + (edge.points[0] % 7)) % 40;
    const mine = edge.phase === 0 ? at : (at + 20) % 40;
    return mine < 16 ? 'G' : mine < 20 ? 'y' : 'r';
  }

  advance(seconds) {
    this.timeS += seconds;
    this.step += 1;
    const queue = new Map();
    this.vehicles.sort((a, b) => b.way - a.way);
    this.vehicles = this.vehicles.filter((vehicle) => {
      const ahead = queue.get(vehicle.edge.id) ?? Infinity;
      const stop = this.light(vehicle.edge) === 'G' ? Infinity : BLOCK - 10;
      const room = Math.min(ahead - 8, vehicle.way <= stop ? stop : Infinity) - vehicle.way;
      const target = Math.min(this.params.max_speed * vehicle.pace, Math.max(0, room * 0.8));
      vehicle.speed += Math.max(-6 * seconds, Math.min(2.5 * seconds, target - vehicle.speed));
      vehicle.speed = Math.max(0, vehicle.speed);
      vehicle.way += vehicle.speed * seconds;
      queue.set(vehicle.edge.id, vehicle.way);
      if (vehicle.way < BLOCK) return true;
      const next = this.out.get(vehicle.edge.to) ?? [];
      const choices = next.filter((edge) => edge.to !== vehicle.edge.from);
      if (choices.length === 0 || this.random() < 0.08) return false;
      vehicle.way -= BLOCK;
      vehicle.edge = choices[Math.floor(this.random() * choices.length)];
      return true;
    });
    while (this.vehicles.length < this.wanted * this.params.demand) this.enter(true);
  }

  /** Rows in the shapes of the protocol: plain values by column, ids apart. */
  layers() {
    const vehicles = this.vehicles.map(({ id, edge, way, type, speed }) => {
      const part = way / BLOCK;
      const [x0, y0, x1, y1] = edge.points;
      const [length, width] = SIZES[type];
      return {
        id,
        name: `veh.${id}`,
        x: x0 + (x1 - x0) * part,
        y: y0 + (y1 - y0) * part,
        angle: (edge.angle * 180) / Math.PI,
        speed,
        type,
        length,
        width,
      };
    });
    const lights = this.edges.map((edge, id) => ({
      id,
      name: `tl.${edge.id}`,
      x: edge.points[2] - Math.cos(edge.angle) * 7,
      y: edge.points[3] - Math.sin(edge.angle) * 7,
      angle: (edge.angle * 180) / Math.PI,
      state: 'Gyr'.indexOf(this.light(edge)),
    }));
    const traffic = this.edges.map((edge, id) => {
      const here = this.vehicles.filter((vehicle) => vehicle.edge === edge);
      const sum = here.reduce((total, vehicle) => total + vehicle.speed, 0);
      return {
        id,
        name: edge.id,
        mean_speed: here.length === 0 ? 13.9 : sum / here.length,
        occupancy: (here.length * 7) / BLOCK,
      };
    });
    return { vehicles, lights, traffic };
  }

  metrics() {
    const speeds = this.vehicles.map((vehicle) => vehicle.speed);
    const sum = speeds.reduce((total, speed) => total + speed, 0);
    return {
      running: speeds.length,
      mean_speed: speeds.length === 0 ? 0 : sum / speeds.length,
      waiting: speeds.filter((speed) => speed < 0.1).length,
      real_time_factor: 0.97 + Math.sin(this.timeS / 3) * 0.04,
    };
  }

  scene() {
    const points = this.edges.flatMap((edge) => edge.points);
    return {
      kind: 'roads',
      bounds: [-20, -20, COLUMNS * BLOCK + 20, ROWS * BLOCK + 20],
      lines: {
        points: typed('f4', points),
        starts: this.edges.map((_, index) => index * 2),
        width: this.edges.map(() => 3.4),
        id: this.edges.map((edge) => edge.id),
      },
      areas: typedAreas(),
    };
  }
}

function typedAreas() {
  const points = [];
  const starts = [];
  for (let i = 0; i < COLUMNS; i++) {
    for (let j = 0; j < ROWS; j++) {
      if ((i * 5 + j * 3) % 7 > 2) continue;
      starts.push(points.length / 2);
      const [x, y] = [i * BLOCK + 16, j * BLOCK + 16];
      points.push(x, y, x + 88, y, x + 88, y + 40, x + 50, y + 40, x + 50, y + 88, x, y + 88);
    }
  }
  return { points: typed('f4', points), starts };
}

const ARRAYS = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
};

export function typed(dtype, values) {
  const array = ARRAYS[dtype].from(values);
  return { dtype, data: new Uint8Array(array.buffer) };
}

export const TYPE_NAMES = TYPES;
