/**
 * The frame chain of the test double: keyframes and deltas as the viewer protocol defines them, with swap-remove, added rows,
 * differences and dictionary columns, so that the page's layer store has everything to do.
 */
import { TYPE_NAMES, typed } from './streets.mjs';

const SCALE = 0.01;
const LIGHT_STATES = ['G', 'y', 'r'];

/** How each column is stored: [dtype, dtype of a difference or null, scale, origin, dictionary]. */
const COLUMNS = {
  vehicles: {
    x: ['i4', 'i2', SCALE, -50, null],
    y: ['i4', 'i2', SCALE, -50, null],
    angle: ['u2', null, 360 / 65536, 0, null],
    speed: ['f4', null, null, null, null],
    type: ['u1', null, null, null, TYPE_NAMES],
    length: ['u1', null, 0.1, 0, null],
    width: ['u1', null, 0.1, 0, null],
  },
  lights: {
    x: ['f4', null, null, null, null],
    y: ['f4', null, null, null, null],
    angle: ['f4', null, null, null, null],
    state: ['u1', null, null, null, LIGHT_STATES],
  },
  traffic: {
    mean_speed: ['u2', null, 0.01, 0, null],
    occupancy: ['u1', null, 1 / 255, 0, null],
  },
};

function stored(value, [dtype, , scale, origin]) {
  if (scale === null) return value;
  const turned = dtype === 'u2' && scale === 360 / 65536 ? (value + 360) % 360 : value;
  return Math.max(dtype[0] === 'u' ? 0 : -Infinity, Math.round((turned - origin) / scale));
}

export class Chain {
  rows = {};

  /** The next delta: what changed since the last call. */
  delta(layers) {
    const out = {};
    for (const [name, fresh] of Object.entries(layers)) out[name] = this.layerDelta(name, fresh);
    return out;
  }

  /** All of the state as it is now. */
  key() {
    const out = {};
    for (const [name, rows] of Object.entries(this.rows)) {
      out[name] = {
        rows: rows.length,
        columns: this.columns(name, rows, true),
        names: rows.map((row) => row.name),
      };
    }
    return out;
  }

  columns(name, rows, full) {
    const columns = {
      id: typed(
        'u4',
        rows.map((row) => row.id),
      ),
    };
    for (const [column, spec] of Object.entries(COLUMNS[name])) {
      columns[column] = typed(
        spec[0],
        rows.map((row) => row[column]),
      );
      if (full && spec[2] !== null)
        Object.assign(columns[column], { scale: spec[2], origin: spec[3] });
      if (full && spec[4] !== null) columns[column].values = spec[4];
    }
    return columns;
  }

  layerDelta(name, values) {
    const fresh = values.map((row) => {
      const packed = { id: row.id, name: row.name };
      for (const [column, spec] of Object.entries(COLUMNS[name])) {
        packed[column] = stored(row[column], spec);
      }
      return packed;
    });
    const rows = (this.rows[name] ??= []);
    const byId = new Map(fresh.map((row) => [row.id, row]));
    const drop = [];
    for (let i = 0; i < rows.length;) {
      if (byId.has(rows[i].id)) {
        i++;
        continue;
      }
      drop.push(i);
      const last = rows.pop();
      if (i < rows.length) rows[i] = last;
    }
    const known = new Set(rows.map((row) => row.id));
    const added = fresh.filter((row) => !known.has(row.id));
    const before = rows.map((row) => ({ ...row }));
    rows.push(...added);
    const set = {};
    for (const [column, spec] of Object.entries(COLUMNS[name])) {
      // The rows just added came complete: only those that were there before are spoken of.
      const next = before.map((row) => byId.get(row.id)[column]);
      const changed = next.flatMap((value, row) => (value !== before[row][column] ? [row] : []));
      if (spec[1] !== null) {
        const differences = next.map((value, row) => value - before[row][column]);
        if (differences.every((difference) => Math.abs(difference) < 32768)) {
          set[column] = { ...typed(spec[1], differences), mode: 'diff' };
        } else set[column] = { ...typed(spec[0], next), mode: 'abs' };
      } else if (changed.length > 0) {
        set[column] = {
          ...typed(
            spec[0],
            changed.map((row) => next[row]),
          ),
          mode: 'abs',
          rows: typed('u2', changed),
        };
      }
      next.forEach((value, index) => (rows[index][column] = value));
    }
    const delta = { rows: rows.length, set };
    if (drop.length > 0) delta.drop = typed('u2', drop);
    if (added.length > 0) {
      delta.add = {
        columns: this.columns(name, added, false),
        names: added.map((row) => row.name),
      };
    }
    return delta;
  }
}
