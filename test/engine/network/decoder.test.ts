import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import { input } from '../../../engine/graph/value.ts';
import { openDecoderFolder } from '../../../engine/model/decoder-folder.ts';
import { assertReach } from '../../../engine/network/assert-reach.ts';
import { decoderStates, signalLogits, spanAttention, tokenLogits } from '../../../engine/network/decoder.ts';
import { type DecoderConfig, parseDecoderConfig } from '../../../engine/network/decoder-config.ts';
import { toDecoderFeeds, toSignalFeeds } from '../../../engine/network/decoder-feeds.ts';
import { decoderInputs, pastInputs, signalInputs } from '../../../engine/network/decoder-inputs.ts';
import { decoderWeights } from '../../../engine/network/decoder-weights.ts';
import type { Parameters } from '../../../engine/network/parameters.ts';
import { inverseFrequencies } from '../../../engine/network/rope.ts';
import { DecoderRunner } from '../../../engine/rerank/decoder/decoder-runner.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { fileParameters } from '../../../engine/weights/file-parameters.ts';
import type { WeightEntry } from '../../../engine/weights/weight-table.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { naiveSignalLogits } from '../../support/oracles/naive-decoder.ts';
import { parityFixtures, type TinyDecoder } from '../../support/tiny/tiny-decoder.ts';

const named = (prefix: string, feeds: Record<string, TensorValue>): Record<string, TensorValue> =>
  Object.fromEntries(Object.entries(feeds).map(([name, value]) => [`${prefix}${name}`, value]));

const tiny: readonly TinyDecoder[] = ['mistral-tiny', 'llama-tiny', 'qwen3-tiny'];

describe('decoder graphs', () => {
  it.each(tiny)('agree for %s with quadratic attention under an explicit mask', async (name) => {
    const path = join(parityFixtures, name);
    const { config, weights } = await openDecoderFolder(path);
    const layer = 2;
    const runner = new DecoderRunner(
      { config, weights: weights.table },
      { layers: layer, lastKeys: true },
      { folder: path, threads: 1, prepack: true },
    );
    const block = (...ids: number[]): Int32Array => Int32Array.from(ids, (id) => 5 + (id % 500));
    const blocks = [
      block(9, 8, 7),
      block(100, 3, 250, 44, 5),
      block(61),
      block(7, 7, 90),
      block(33, 4, 12, 400),
    ];
    const [instruction, ...rest] = blocks;
    const documents = rest.slice(0, -1);
    const query = rest.at(-1)!;
    const total = blocks.slice(0, -1).reduce((sum, { length }) => sum + length, 0);
    const past = { states: runner.states(total), tokens: total };
    await runner.encode([{ ids: instruction!, at: 0 }], { past: { ...past, tokens: 0 }, firstPosition: 0 });
    let at = instruction!.length;
    const sequences = documents.map((ids) => {
      at += ids.length;
      return { ids, at: at - ids.length };
    });
    const shared = { past: { ...past, tokens: instruction!.length }, firstPosition: instruction!.length };
    await runner.encode(sequences, shared);
    const logits = await runner.signalLogits({ ids: query, signals: [2, 3], firstPosition: 1000 }, past, {
      from: instruction!.length,
      to: total,
    });
    const expected = await naiveSignalLogits({
      config,
      path,
      blocks,
      queryPosition: 1000,
      layer,
      signals: [2, 3],
    });
    assertAllClose(logits, expected, { atol: 1e-4, rtol: 1e-5 });
    await runner.release();
  });

  it.each(['float32', 'float16'] as const)(
    'of instruction, documents and query make one graph, for a past is a value (%s)',
    async (computeType) => {
      const path = join(parityFixtures, 'qwen3-tiny');
      const { config, weights } = await openDecoderFolder(path);
      const [instruction, first, second, query] = [
        [9, 8, 7],
        [100, 3, 250, 44],
        [61, 5, 7, 8],
        [33, 4, 12, 400],
      ].map((ids) => Int32Array.from(ids, (id) => 5 + id)) as [
        Int32Array,
        Int32Array,
        Int32Array,
        Int32Array,
      ];
      const layers = 2;
      const runner = new DecoderRunner(
        { config, weights: weights.table, computeType },
        { layers, lastKeys: true },
        { folder: path, threads: 1, prepack: true },
      );
      const [from, to] = [instruction.length, instruction.length + first.length + second.length];
      const past = { states: runner.states(to), tokens: to };
      await runner.encode([{ ids: instruction, at: 0 }], { past: { ...past, tokens: 0 }, firstPosition: 0 });
      await runner.encode(
        [
          { ids: first, at: from },
          { ids: second, at: from + first.length },
        ],
        { past: { ...past, tokens: from }, firstPosition: from },
      );
      const asked = { ids: query, signals: [2, 3], firstPosition: 1000 };
      const apart = await runner.signalLogits(asked, past, { from, to });
      await runner.release();

      const network = { config, parameters: fileParameters(weights.table), computeType };
      const read = { layers, lastKeys: true };
      const head = decoderStates(network, { ...read, inputs: decoderInputs(config, 'i.') });
      const seen = pastInputs(config, 0, 'd.');
      const documents = decoderStates(network, {
        ...read,
        inputs: decoderInputs(config, 'd.'),
        past: { ...seen, layers: head.layers },
      });
      const together = head.layers.map((own, layer) => {
        const after = documents.layers[layer]!;
        return { keys: g.concat([own.keys, after.keys], 0), values: g.concat([own.values, after.values], 0) };
      });
      const { logits } = signalLogits(network, {
        scoringLayer: layers,
        inputs: decoderInputs(config, 'q.'),
        past: { ...pastInputs(config, 0, 'q.'), layers: together },
        signals: { ...signalInputs(config, 'q.'), documentKeys: documents.lastKeys! },
      });
      const session = await openSession(toOnnx({ logits }), { folder: path, threads: 1, prepack: true });
      const feeds = {
        ...named('i.', toDecoderFeeds({ sequences: [instruction], firstPosition: 0, pastTokens: 0 }, config)),
        ...named(
          'd.',
          toDecoderFeeds({ sequences: [first, second], firstPosition: from, pastTokens: from }, config),
        ),
        ...named('q.', toDecoderFeeds({ sequences: [query], firstPosition: 1000, pastTokens: to }, config)),
        ...named('q.', toSignalFeeds(config, [2, 3], past.states.lastKeys(from, to))),
      };
      const known = Object.entries(feeds).filter(([name]) => session.inputs.has(name));
      const answer = await session.run(Object.fromEntries(known), ['logits']);
      await session.release();
      expect([...session.inputs].some((name) => /past_|documentKeys/.test(name))).toBe(false);
      // The same products in one run: the runtime may order a sum differently, and keeps what it need not round to
      // half precision, whose numbers are 2^-10 of a logit apart.
      const largest = apart.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
      const atol = largest * (computeType === 'float32' ? 2 ** -20 : 4 * 2 ** -10);
      assertAllClose(answer['logits']!.data as Float32Array, apart, { atol, rtol: 0 });
    },
  );

  it('say which layer a past lacks', async () => {
    const { config, weights } = await openDecoderFolder(join(parityFixtures, 'mistral-tiny'));
    const network = { config, parameters: fileParameters(weights.table) };
    expect(() => signalLogits(network, { scoringLayer: 2, past: pastInputs(config, 1) })).toThrow(
      'decoder: expected a past of layer 1, got none.',
    );
    expect(() => spanAttention(network, { layers: { from: 0, to: 1 } })).toThrow(
      'spanAttention: expected a past to attend to.',
    );
  });

  it('take weights from wherever parameters come from, for instance inputs', async () => {
    const { config } = await openDecoderFolder(join(parityFixtures, 'mistral-tiny'));
    const asked = new Map<string, readonly number[]>();
    const parameters: Parameters = (name, shape) => {
      asked.set(name, shape);
      return input(name, 'float32', shape);
    };
    expect(toOnnx(tokenLogits({ config, parameters })).length).toBeGreaterThan(0);
    expect(new Map([...asked].sort())).toEqual(new Map([...decoderWeights(config)].sort()));
  });

  it('say which weight is missing', async () => {
    const path = join(parityFixtures, 'mistral-tiny');
    const { config, weights } = await openDecoderFolder(path);
    const table = new Map(
      [...weights.table].filter(([name]) => name !== 'model.layers.1.mlp.up_proj.weight'),
    );
    const runner = new DecoderRunner(
      { config, weights: table },
      { layers: 2, lastKeys: true },
      { folder: path, threads: 1, prepack: true },
    );
    const encoding = runner.encode([{ ids: Int32Array.of(1), at: 0 }], {
      past: { states: runner.states(1), tokens: 0 },
      firstPosition: 0,
    });
    await expect(encoding).rejects.toThrow(/model\.layers\.1\.mlp\.up_proj\.weight.*found none/);
  });

  it('are fed ids padded on the right and a mask that hides what comes after', () => {
    const config = parseDecoderConfig(published['Llama 3.2 1B'], 'config.json');
    const batch = { sequences: [Int32Array.of(1, 2), Int32Array.of(3)], firstPosition: 7, pastTokens: 5 };
    const { ids, mask, allTokens } = toDecoderFeeds(batch, config);
    expect([...(ids!.data as BigInt64Array)]).toEqual([1n, 2n, 3n, 0n]);
    expect([...(mask!.data as Float32Array)].slice(0, 4).map((value) => value < -1)).toEqual([
      false,
      true,
      false,
      false,
    ]);
    expect([...(allTokens!.data as BigInt64Array)]).toEqual([7n]);
  });
});

/** Shape values of published checkpoints. */
const published: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'Mistral 7B Instruct v0.3': {
    model_type: 'mistral',
    hidden_size: 4096,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14_336,
    vocab_size: 32_768,
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    rope_theta: 1e6,
    sliding_window: null,
    tie_word_embeddings: false,
  },
  'Llama 3.2 1B': {
    model_type: 'llama',
    hidden_size: 2048,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 64,
    intermediate_size: 8192,
    vocab_size: 128_256,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    rope_theta: 5e5,
    tie_word_embeddings: true,
    rope_scaling: {
      rope_type: 'llama3',
      factor: 32,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    },
  },
  'Qwen2.5 0.5B': {
    model_type: 'qwen2',
    hidden_size: 896,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    intermediate_size: 4864,
    vocab_size: 151_936,
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    hidden_act: 'silu',
    rope_theta: 1e6,
    sliding_window: 32_768,
    use_sliding_window: false,
    max_window_layers: 21,
    tie_word_embeddings: true,
  },
  'Qwen3 0.6B': {
    model_type: 'qwen3',
    hidden_size: 1024,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    intermediate_size: 3072,
    vocab_size: 151_936,
    max_position_embeddings: 40_960,
    rms_norm_eps: 1e-6,
    hidden_act: 'silu',
    rope_theta: 1e6,
    attention_bias: false,
    tie_word_embeddings: true,
  },
  'SmolLM2 135M': {
    model_type: 'llama',
    hidden_size: 576,
    num_attention_heads: 9,
    num_key_value_heads: 3,
    intermediate_size: 1536,
    vocab_size: 49_152,
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    rope_theta: 1e5,
    tie_word_embeddings: true,
  },
};
for (const config of Object.values(published)) Object.assign(config, { num_hidden_layers: 2 });

/** A bf16 file that repeats some small random numbers: what lies where is all that a shape needs. */
async function randomWeights(
  config: DecoderConfig,
): Promise<{ folder: string; table: Map<string, WeightEntry> }> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-shape-'));
  const table = new Map<string, WeightEntry>();
  let offset = 0;
  for (const [name, shape] of decoderWeights(config)) {
    const length = 2 * shape.reduce((product, axis) => product * axis, 1);
    table.set(name, { type: 'bfloat16', shape, offset, length, file: 'weights.bin' });
    offset += length;
  }
  // A prime length, so that no two rows are the same.
  const chunk = new Uint16Array(1_000_003);
  const float = new Float32Array(1);
  const bits = new Uint16Array(float.buffer);
  for (let i = 0; i < chunk.length; i += 1) {
    float[0] = 0.02 * Math.sin(i * 12.9898);
    chunk[i] = bits[1]!;
  }
  const file = await open(join(folder, 'weights.bin'), 'w');
  for (let at = 0; at < offset; at += chunk.byteLength) {
    await file.write(new Uint8Array(chunk.buffer, 0, Math.min(chunk.byteLength, offset - at)));
  }
  await file.close();
  return { folder, table };
}

describe('families', () => {
  it.each(Object.keys(published))('%s runs at its published shape, from bf16 where it lies', async (name) => {
    const config = parseDecoderConfig(published[name], 'config.json');
    const { folder, table } = await randomWeights(config);
    const runner = new DecoderRunner(
      { config, weights: table },
      { layers: 1, lastKeys: true },
      { folder, threads: 2, prepack: false },
    );
    const past = { states: runner.states(3), tokens: 3 };
    await runner.encode([{ ids: Int32Array.of(5), at: 0 }], {
      past: { ...past, tokens: 0 },
      firstPosition: 0,
    });
    await runner.encode([{ ids: Int32Array.of(7, 8), at: 1 }], {
      past: { ...past, tokens: 1 },
      firstPosition: 1,
    });
    const logits = await runner.signalLogits(
      { ids: Int32Array.of(9, 10), signals: [0, 1], firstPosition: 16_384 },
      past,
      { from: 1, to: 3 },
    );
    expect(logits).toHaveLength(config.heads * 2 * 2);
    expect(logits.every(Number.isFinite)).toBe(true);
    expect(new Set(logits).size).toBeGreaterThan(config.heads);
    await runner.release();
    await rm(folder, { recursive: true }); // up to a gigabyte
  });
});

describe('parseDecoderConfig', () => {
  const base = published['SmolLM2 135M']!;

  it('refuses a sliding window that hides documents from the query block, and only that', () => {
    const windowed = parseDecoderConfig({ ...base, model_type: 'mistral', sliding_window: 4096 }, 'c.json');
    expect(() => assertReach(windowed, 1, 16_384, 'c.json')).toThrow(/sliding window of 4096 positions/);
    expect(() => assertReach(windowed, 1, 4000, 'c.json')).not.toThrow();
    const unused = parseDecoderConfig(published['Qwen2.5 0.5B'], 'c.json');
    expect(() => assertReach(unused, 2, 100_000, 'c.json')).not.toThrow();
    const above = {
      ...published['Qwen3 0.6B'],
      sliding_window: 512,
      layer_types: ['full_attention', 'sliding_attention'],
    };
    expect(() => assertReach(parseDecoderConfig(above, 'c.json'), 1, 16_384, 'c.json')).not.toThrow();
    expect(() => assertReach(parseDecoderConfig(above, 'c.json'), 2, 16_384, 'c.json')).toThrow(
      /from layer 1 on/,
    );
  });

  it('names what it cannot compute', () => {
    expect(() => parseDecoderConfig({ ...base, model_type: 'gemma' }, 'c.json')).toThrow(/model_type/);
    expect(() => parseDecoderConfig({ ...base, rope_scaling: { rope_type: 'longrope' } }, 'c.json')).toThrow(
      /longrope/,
    );
    expect(() => parseDecoderConfig({ ...base, num_key_value_heads: 4 }, 'c.json')).toThrow(
      /9 query heads, 4 key heads/,
    );
  });
});

describe('inverseFrequencies', () => {
  it('turns yarn pairs that are slow by the whole factor and fast ones not at all', () => {
    const yarn = parseDecoderConfig(
      {
        ...published['Qwen2.5 0.5B'],
        rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 32_768 },
      },
      'c.json',
    );
    const plain = parseDecoderConfig(published['Qwen2.5 0.5B'], 'c.json');
    const [scaled, unscaled] = [yarn, plain].map(({ rope, headSize }) => inverseFrequencies(rope, headSize));
    const ratios = Array.from(scaled!, (value, i) => unscaled![i]! / value);
    // Of 32 pairs at theta 1e6 and 32,768 positions: 32 turns fall on pair 11.8, one turn on pair 19.8 (YaRN, eq. 23).
    expect(ratios.slice(0, 12)).toEqual(Array(12).fill(1));
    expect(ratios[15]).toBeCloseTo(1 / (1 - (4 / 9) * 0.75), 5);
    assertAllClose(ratios.slice(20), Array(12).fill(4), { rtol: 1e-6 });
  });
});
