import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as g from '../../../engine/graph/operations/index.ts';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import { input, type Value } from '../../../engine/graph/value.ts';
import {
  crossContext,
  gatesName,
  keyValueNames,
  layerOfGates,
  ownKeyValueNames,
} from '../../../engine/network/cross-attention.ts';
import { encoderGraph, l2Normalise } from '../../../engine/network/encoder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { inContextGraph, inContextLayers, toQueryFeeds } from '../../../engine/network/in-context-encoder.ts';
import type { Parameters } from '../../../engine/network/parameters.ts';
import type { GraphSession } from '../../../engine/session/runtime.ts';
import { trainingGraph } from '../../../engine/training/training-graph.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { expectSlopes } from '../../support/checks/directional-gradients.ts';
import { openGraph, spread } from '../../support/checks/gradient-check.ts';
import { fedTo } from '../../support/checks/trainee-graphs.ts';
import { naiveWeights } from '../../support/oracles/naive-decoder.ts';
import { tinyGates } from '../../support/tiny/tiny-in-context.ts';

const folder = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
const config = parseEncoderConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), folder);
const gatedLayers = [1, 2];
const query = Int32Array.of(2, 30, 31, 32, 3);
/** Two blocks of different lengths: one is padded. */
const documents = [Int32Array.of(2, 17, 45, 45, 60, 3), Int32Array.of(2, 99, 3)];
const rows = 2 * 6;

let numbers: Map<string, Float32Array>;
beforeAll(async () => {
  numbers = new Map(await naiveWeights(folder));
});
const gatesOf = (scale: number) =>
  new Map([...tinyGates(scale)].map(([layer, data]) => [gatesName(layer), data] as const));

const open: GraphSession[] = [];
afterAll(async () => {
  for (const session of open) await session.release();
});

/** A graph whose weights are fed, and how it is run. */
async function runnable(make: (parameters: Parameters) => Readonly<Record<string, Value>>) {
  const shapes: Record<string, readonly number[]> = {};
  const outputs = make((name, shape) => {
    shapes[name] = shape;
    return input(name, 'float32', shape);
  });
  const session = await openGraph(outputs);
  open.push(session);
  return async (feeds: Record<string, TensorValue>, gates: ReadonlyMap<string, Float32Array>) => {
    const weights = Object.entries(shapes).map(
      ([name, shape]) =>
        [name, { type: 'float32', shape, data: gates.get(name) ?? numbers.get(name)! } as const] as const,
    );
    const all = { ...Object.fromEntries(weights), ...feeds };
    return session.run(fedTo(session, all), Object.keys(outputs));
  };
}

const feeds = () => ({ ...toQueryFeeds(query, config), ...toEncoderFeeds(documents, config, 0) });

const together = () =>
  runnable((parameters) => {
    const layers = inContextLayers(config, parameters, gatedLayers);
    return { query: l2Normalise(layers.query.at(-1)!), documents: l2Normalise(layers.documents.at(-1)!) };
  });

describe('crossContext', () => {
  it('is softmax over the query’s tokens, times their values, times the gate of each head', async () => {
    const [B, H, L, Q, D] = [2, 2, 3, 4, 2];
    const value = (shape: readonly number[], from: number) => ({
      type: 'float32' as const,
      shape,
      data: spread(
        shape.reduce((product, axis) => product * axis, 1),
        [from, from + 2],
      ),
    });
    const fed = {
      queries: value([B, H, L, D], -1),
      keys: value([1, H, D, Q], -0.7),
      values: value([1, H, Q, D], -1.2),
      gates: value([H], -0.9),
    };
    const at = (name: keyof typeof fed): Value => input(name, 'float32', fed[name].shape as number[]);
    const session = await openGraph({
      added: crossContext(at('queries'), { keys: at('keys'), values: at('values'), gates: at('gates') }),
    });
    const { added } = await session.run(fed, ['added']);
    await session.release();
    const expected: number[] = [];
    for (let b = 0; b < B; b += 1)
      for (let h = 0; h < H; h += 1)
        for (let l = 0; l < L; l += 1) {
          const logit = (q: number): number =>
            [0, 1].reduce(
              (sum, d) =>
                sum + fed.queries.data[((b * H + h) * L + l) * D + d]! * fed.keys.data[(h * D + d) * Q + q]!,
              0,
            );
          const weights = Array.from({ length: Q }, (_, q) => Math.exp(logit(q)));
          const total = weights.reduce((sum, weight) => sum + weight, 0);
          for (let d = 0; d < D; d += 1)
            expected.push(
              fed.gates.data[h]! *
                weights.reduce((sum, w, q) => sum + (w / total) * fed.values.data[(h * Q + q) * D + d]!, 0),
            );
        }
    assertAllClose(added!.data as Float32Array, expected, { rtol: 1e-5, atol: 1e-6 });
  });
});

describe('inContextLayers', () => {
  it('reads documents as the encoder without gates does, to the last bit, while gates are 0', async () => {
    const plain = await runnable((parameters) => ({
      documents: encoderGraph(config, parameters, { precision: 'fp32' }).states,
    }));
    const expected = await plain({ ...toEncoderFeeds(documents, config, 0) }, new Map());
    const found = await (await together())(feeds(), gatesOf(0));
    expect(found['documents']!.data).toEqual(expected['documents']!.data);
  });

  it('reads them otherwise for another query once gates are open, and the query as ever', async () => {
    const run = await together();
    const [one, closed] = [await run(feeds(), gatesOf(0.5)), await run(feeds(), gatesOf(0))];
    const asked = Int32Array.of(2, 77, 78, 3);
    const other = await run({ ...feeds(), ...toQueryFeeds(asked, config) }, gatesOf(0.5));
    expect(one['query']!.data).toEqual(closed['query']!.data);
    const distance = (a: ArrayLike<unknown>, b: ArrayLike<unknown>): number =>
      Math.max(...Array.from(a, (x, i) => Math.abs(Number(x) - Number(b[i]))));
    expect(distance(one['documents']!.data, closed['documents']!.data)).toBeGreaterThan(0.01);
    expect(distance(one['documents']!.data, other['documents']!.data)).toBeGreaterThan(0.001);
  });

  it('has gradients by every weight and gate that agree with differences along random directions', async () => {
    const parameters: Record<string, Value> = {};
    const layers = inContextLayers(
      config,
      (name, shape) => {
        parameters[name] ??= input(name, 'float32', shape);
        return parameters[name];
      },
      gatedLayers,
    );
    const states = g.concat([layers.query.at(-1)!, layers.documents.at(-1)!], 0, 'rows');
    const weighted = g.multiply(states, input('wanted', 'float32', ['rows', config.width]));
    const loss = g.sumOver(weighted, [0, 1], { keeps: false });
    const all = query.length + rows;
    const wanted = spread(all * config.width);
    wanted.fill(0, (all - 3) * config.width); // nobody reads padding
    const kept = [layers.query, layers.documents].flatMap((each) => each.slice(1, -1));
    // The terms of the loss, which differences add up in float64.
    const others = { terms: weighted };
    const session = await openGraph(trainingGraph({ loss, others, parameters, kept }));
    open.push(session);
    const weights = new Map([...numbers, ...gatesOf(0.5)]);
    const names = Object.keys(parameters);
    expect(names).toEqual(expect.arrayContaining(gatedLayers.map(gatesName)));
    const run = async (at: (name: string) => Float32Array, outputs: string[]) => {
      const { terms, ...gradients } = await session.run(
        {
          ...feeds(),
          wanted: { type: 'float32', shape: [all, config.width], data: wanted },
          ...Object.fromEntries(
            names.map((name) => [
              name,
              { type: 'float32', shape: parameters[name]!.shape as number[], data: at(name) } as const,
            ]),
          ),
        },
        outputs.map((output) => (output === 'loss' ? 'terms' : output)),
      );
      return { ...gradients, ...(terms && { loss: terms }) };
    };
    await expectSlopes({
      weights,
      names,
      run,
      onNorm: (name, norm) => {
        if (layerOfGates(name) !== undefined) expect(norm).toBeGreaterThan(1e-3);
      },
    });
  });
});

describe('inContextGraph', () => {
  it('gives in two runs what one graph of query and documents gives', async () => {
    const run = await runnable((parameters) =>
      inContextGraph(config, parameters, { precision: 'fp32', gatedLayers }),
    );
    const { heads: H, width: W } = config;
    const nothing: Record<string, TensorValue> = {};
    for (const layer of gatedLayers) {
      const names = keyValueNames(layer);
      const none = { type: 'float32', data: new Float32Array(W).fill(9) } as const;
      nothing[names.keys] = { ...none, shape: [1, H, W / H, 1] };
      nothing[names.values] = { ...none, shape: [1, H, 1, W / H] };
      nothing[gatesName(layer)] = { type: 'float32', shape: [H], data: new Float32Array(H) };
    }
    const asked = await run({ ...toEncoderFeeds([query], config, 0), ...nothing }, new Map());
    const seen: Record<string, TensorValue> = {};
    for (const layer of gatedLayers)
      for (const part of ['keys', 'values'] as const)
        seen[keyValueNames(layer)[part]] = asked[ownKeyValueNames(layer)[part]]!;
    const gates = Object.fromEntries(
      [...gatesOf(0.5)].map(([name, data]) => [name, { type: 'float32', shape: [H], data } as const]),
    );
    const read = await run({ ...toEncoderFeeds(documents, config, 0), ...seen, ...gates }, new Map());
    const expected = await (await together())(feeds(), gatesOf(0.5));
    const close = { rtol: 1e-5, atol: 1e-6 };
    assertAllClose(asked['states']!.data as Float32Array, expected['query']!.data as Float32Array, close);
    assertAllClose(read['states']!.data as Float32Array, expected['documents']!.data as Float32Array, close);
  });
});
