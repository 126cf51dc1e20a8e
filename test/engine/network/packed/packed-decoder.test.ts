import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../../engine/graph/onnx.ts';
import { input } from '../../../../engine/graph/value.ts';
import { openDecoderFolder } from '../../../../engine/model/decoder-folder.ts';
import { decoderWeights } from '../../../../engine/network/decoder-weights.ts';
import { packedSignalLogits } from '../../../../engine/network/packed/packed-decoder.ts';
import type { PackedForm } from '../../../../engine/network/packed/packed-form.ts';
import type { Parameters } from '../../../../engine/network/parameters.ts';
import { ListRunner } from '../../../../engine/rerank/decoder/list-runner.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { naiveSignalLogits } from '../../../support/oracles/naive-decoder.ts';
import { parityFixtures, type TinyDecoder } from '../../../support/tiny/tiny-decoder.ts';

const tiny: readonly TinyDecoder[] = ['mistral-tiny', 'llama-tiny', 'qwen3-tiny'];
const block = (length: number, seed: number): Int32Array =>
  Int32Array.from({ length }, (_, i) => 5 + ((i * 97 + seed * 31) % 500));

/** Two documents of one length, one of a single token, and more buckets than some forms need. */
const list = {
  instruction: block(7, 1),
  documents: [5, 19, 1, 8, 5].map((length, i) => block(length, i + 2)),
  queries: [block(6, 77)],
  queryPosition: 1000,
};
const forms = [1, 3, 8].flatMap((buckets) =>
  (['fused', 'products'] as const).map((attention) => ({ attention, buckets })),
);

const partsOf = async (name: TinyDecoder) => {
  const path = join(parityFixtures, name);
  const { config, weights } = await openDecoderFolder(path);
  return { config, path, parts: { config, weights: weights.table } };
};

describe('packedSignalLogits', () => {
  it.each(tiny)('agree for %s with quadratic attention under an explicit mask', async (name) => {
    const { path, config, parts } = await partsOf(name);
    const expected = await naiveSignalLogits({
      config,
      path,
      blocks: [list.instruction, ...list.documents, list.queries[0]!],
      queryPosition: list.queryPosition,
      layer: 2,
      signals: [4, 5],
    });
    for (const form of forms) {
      const runner = new ListRunner({
        parts,
        reading: { kind: 'signals', layer: 2 },
        form: { context: 'blocks', queries: 1, ...form },
        session: { folder: path, threads: 1, prepack: true },
      });
      assertAllClose(await runner.signalLogits(list, [4, 5]), expected, { atol: 1e-4, rtol: 1e-5 });
      await runner.release();
    }
  });

  it('have a graph for 32 layers and eight buckets', async () => {
    const { config } = await partsOf('mistral-tiny');
    const deep = { ...config, layers: 33 };
    const parameters: Parameters = (name, shape) => input(name, 'float16', shape);
    const graph = packedSignalLogits(
      { config: deep, parameters, computeType: 'float16' },
      { scoringLayer: 32, form: { context: 'blocks', attention: 'fused', buckets: 8, queries: 1 } },
    );
    // 8 buckets and a query block in each of 32 layers.
    const text = Buffer.from(toOnnx(graph)).toString('latin1');
    expect(new Set(text.match(/GroupQueryAttention_\d+/g)).size).toBe(32 * 9);
  });

  it('read no weight of layers behind the scoring layer', async () => {
    const { config } = await partsOf('qwen3-tiny');
    const asked = new Set<string>();
    const parameters: Parameters = (name, shape) => {
      asked.add(name);
      return input(name, 'float32', shape);
    };
    const form: PackedForm = { context: 'blocks', attention: 'products', buckets: 2, queries: 1 };
    packedSignalLogits({ config, parameters }, { scoringLayer: 2, form });
    const known = [...decoderWeights(config, 3).keys()];
    expect(known).toEqual(expect.arrayContaining([...asked]));
    expect([...asked].filter((name) => name.includes('layers.2.')).sort()).toEqual([
      'model.layers.2.input_layernorm.weight',
      'model.layers.2.self_attn.k_norm.weight',
      'model.layers.2.self_attn.k_proj.weight',
      'model.layers.2.self_attn.q_norm.weight',
      'model.layers.2.self_attn.q_proj.weight',
    ]);
  });
});

describe('ListRunner', () => {
  it('gives its result and nothing else, the same at every run and for lists of other lengths between', async () => {
    const { path, parts } = await partsOf('llama-tiny');
    const runner = new ListRunner({
      parts,
      reading: { kind: 'signals', layer: 2 },
      form: { context: 'blocks', attention: 'fused', buckets: 4, queries: 1 },
      session: { folder: path, threads: 1, prepack: false },
    });
    await runner.open();
    const first = await runner.signalLogits(list, [5]);
    expect(first).toHaveLength(8 * (5 + 19 + 1 + 8 + 5));
    await runner.signalLogits({ ...list, documents: [block(30, 3)] }, [5]);
    expect(await runner.signalLogits(list, [5])).toEqual(first);
    await runner.release();
    // It opens anew when it is asked again.
    expect(await runner.signalLogits(list, [5])).toEqual(first);
    await runner.release();
  });

  it('refuses lists and results that its graph is not made for', async () => {
    const { path, parts } = await partsOf('llama-tiny');
    const runner = new ListRunner({
      parts,
      reading: { kind: 'signals', layer: 2 },
      form: { context: 'blocks', attention: 'products', buckets: 1, queries: 1 },
      session: { folder: path, threads: 1, prepack: false },
    });
    const two = { ...list, queries: [block(3, 1), block(4, 2)] };
    await expect(runner.signalLogits(two, [1])).rejects.toThrow(
      'ListRunner: expected 1 query blocks, got 2.',
    );
    await expect(runner.spanAttention(list)).rejects.toThrow(/expected a runner that reads attention/);
  });

  it('says what the runtime could not open, each time it is asked', async () => {
    const { parts } = await partsOf('llama-tiny');
    const runner = new ListRunner({
      parts,
      reading: { kind: 'signals', layer: 2 },
      form: { context: 'blocks', attention: 'fused', buckets: 1, queries: 1 },
      session: { folder: '/nowhere', threads: 1, prepack: false },
    });
    await expect(runner.open()).rejects.toMatchObject({ code: 'inference' });
    await expect(runner.signalLogits(list, [5])).rejects.toMatchObject({ code: 'inference' });
    await runner.release();
  });
});
