/** Graphs of one layer's attention part, which `bench/joined.ts` compares. Axes: see `packed-decoder.ts`. */
import * as g from '../../engine/graph/operations/index.ts';
import { constant, input, integers, type Value } from '../../engine/graph/value.ts';
import type { DecoderConfig } from '../../engine/network/decoder-config.ts';
import {
  backInput,
  bucketOf,
  indexInput,
  type LengthInputs,
  lengthInputs,
  named,
  tokenInputs,
} from '../../engine/network/packed/packed-inputs.ts';

/** What they depend on besides the network. */
export interface JoinedFormOptions {
  /** Type of products and attention. */
  readonly type: 'float32' | 'float16';
  /** Buckets of documents. */
  readonly buckets: number;
}

/**
 * Three ways, by name: `apart` as the engine computes; `joined`, one product whose parts are cut out of what it gives;
 * `turnedInside`, where buckets are gathered from that product and the operator turns queries and keys. All give `sums`,
 * a number for each token of instruction and documents, and read keys and values of all tokens, turned, as a query
 * block needs them.
 */
export function joinedForms(
  config: DecoderConfig,
  { type, buckets }: JoinedFormOptions,
): Readonly<Record<'apart' | 'joined' | 'turnedInside', Readonly<Record<'sums', Value>>>> {
  const { width: W, heads: H, keyValueHeads: K, headSize: D, rope } = config;
  const { cos, sin, places, startQueries } = tokenInputs(D);
  const x = g.cast(input('x', 'float32', ['T', W]), type);
  const tables = { cos: g.cast(cos, type), sin: g.cast(sin, type) };
  const turns = { cos: g.gather(tables.cos, places), sin: g.gather(tables.sin, places) };
  const form = { heads: H, keyValueHeads: K, scale: 1 / Math.sqrt(D) };
  const turned = (rows: Value): Value => {
    const width = rows.shape[1] as number;
    const flat = g.reshape(rows, [1, 'T', width], [1, -1, width]);
    const turn = g.rotaryEmbedding(flat, integers(0), turns, { heads: width / D, pairs: rope.pairs });
    return g.reshape(turn, ['T', width], [-1, width]);
  };
  const inBuckets = (attend: (of: (rows: Value) => Value, lengths: LengthInputs) => Value): Value => {
    const rows = Array.from({ length: buckets }, (_, bucket) => {
      const block = bucketOf(bucket);
      const context = attend(
        (all) => g.gather(all, indexInput(block)),
        lengthInputs(block, named(block, 'N')),
      );
      return g.reshape(context, [named(block, 'rows'), H * D], [-1, H * D]);
    });
    // In the order of the tokens, so that padding is not compared.
    const own = g.sliceTo(backInput(), { axis: 0, start: integers(0), end: startQueries, length: 'P' });
    return g.gather(g.concat(rows, 0, 'rows'), own);
  };
  const summed = (...values: readonly Value[]): { readonly sums: Value } => ({
    sums: g.concat(
      values.map((value) => g.sumLast(g.cast(value, 'float32'))),
      0,
      'sums',
    ),
  });
  const inside = (queries: Value, keys: Value, values: Value): { readonly sums: Value } => {
    const context = inBuckets((of, lengths) =>
      g.groupQueryAttention({ query: of(queries), key: of(keys), value: of(values), ...lengths }, form),
    );
    return summed(context, keys, values);
  };
  const parts = [H * D, K * D, K * D].map((rows, part) => matrix(rows, W, part));
  const product = (...data: readonly Float32Array[]): Value => {
    const joined = new Float32Array(data.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const each of data) {
      joined.set(each, at);
      at += each.length;
    }
    return g.linear(x, g.cast(constant(joined, [joined.length / W, W]), type));
  };
  const columns = (rows: Value, start: number, end: number): Value =>
    g.slice(rows, { axis: 1, start: start * D, end: end * D });
  const [q, k, v] = parts.map((part) => product(part)) as [Value, Value, Value];
  const all = product(...parts);
  const [keys, values] = [turned(columns(all, H, H + K)), columns(all, H + K, H + 2 * K)];
  const turnedInside = inBuckets((of, lengths) =>
    g.joinedGroupQueryAttention({ joined: of(all), tables, ...lengths }, { ...form, pairs: rope.pairs }),
  );
  return {
    apart: inside(turned(q), turned(k), v),
    joined: inside(turned(columns(all, 0, H)), keys, values),
    turnedInside: summed(turnedInside, keys, values),
  };
}

function matrix(rows: number, columns: number, seed: number): Float32Array {
  return Float32Array.from(
    { length: rows * columns },
    (_, i) => Math.sin(i * 78.233 + seed) / Math.sqrt(columns),
  );
}
