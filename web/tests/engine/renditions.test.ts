/** The test vectors of the viewer protocol: this decoder has after each frame what the worker's own view has. */
import { decode } from '@msgpack/msgpack';
import { expect, test } from 'vitest';
import file from '../../../producer/spec/vectors/renditions.json';
import { FrameChain } from '../../src/engine/frameChain';
import { cellValue, type Column, type Layer } from '../../src/engine/layerStore';
import type { FrameMessage, LevelOfDetail } from '../../src/protocol/messages';

type Values = (number | string)[];

interface View {
  metrics: Record<string, number>;
  left_out: readonly string[];
  layers: Record<
    string,
    {
      id: Values;
      names: string[] | null;
      lod: LevelOfDetail | null;
      columns: Record<string, Values>;
    }
  >;
}

interface Vector {
  name: string;
  /** `message` is MessagePack as hex; `view` is what there is afterwards. */
  frames: { message: string; applied: boolean; view: View & { offset: string } }[];
}

const vectors = file as unknown as Vector[];

function message(hex: string): FrameMessage {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  return decode(bytes) as FrameMessage;
}

/** Integers and exact floats stay as they are; scaled values agree within what the vectors promise. */
function rounded(values: Values): Values {
  return values.map((value) => (typeof value === 'number' ? Math.round(value * 1e9) / 1e9 : value));
}

function valuesOf(layer: Layer, column: Column): Values {
  return rounded(Array.from({ length: layer.rows }, (_, row) => cellValue(column, row)));
}

function shown(chain: FrameChain): View {
  const layers = [...chain.layers].map(([name, layer]) => {
    const columns = [...layer.columns].map(([key, column]) => [key, valuesOf(layer, column)]);
    const { id = [], ...rest } = Object.fromEntries(columns) as Record<string, Values>;
    return [name, { id, names: layer.names, lod: layer.lod, columns: rest }] as const;
  });
  return {
    metrics: Object.fromEntries(chain.metrics),
    left_out: chain.leftOut,
    layers: Object.fromEntries(layers),
  };
}

function wanted({ metrics, left_out, layers }: View): View {
  const all = Object.entries(layers).map(([name, { id, names, lod, columns }]) => {
    const exact = Object.entries(columns).map(([key, values]) => [key, rounded(values)]);
    return [name, { id, names, lod, columns: Object.fromEntries(exact) as Record<string, Values> }];
  });
  return { metrics, left_out, layers: Object.fromEntries(all) as View['layers'] };
}

test('there are vectors of several tiers, with frames that are to be left alone', () => {
  expect(vectors.length).toBeGreaterThan(1);
  expect(vectors.every(({ frames }) => frames.some(({ applied }) => !applied))).toBe(true);
});

test.each(vectors)('$name: each frame leaves what its vector says', ({ frames }) => {
  const chain = new FrameChain();
  for (const { message: hex, applied, view } of frames) {
    expect(chain.apply(message(hex))).toBe(applied ? 'applied' : 'broken');
    expect(shown(chain)).toEqual(wanted(view));
  }
});
