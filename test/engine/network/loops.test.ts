import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../engine/evaluation/random.ts';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { input } from '../../../engine/graph/value.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import {
  type EncoderConfig,
  parseEncoderConfig,
  toEncoderConfigJson,
} from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { loopedGraphs } from '../../../engine/network/looped-encoder.ts';
import { appliedLayers, type LoopBlocks } from '../../../engine/network/loops.ts';
import { LoopedEncoder } from '../../../engine/rerank/encoder/looped-encoder.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { saveEncoder } from '../../../engine/training/loops/save-encoder.ts';
import { startWeights } from '../../../engine/training/loops/start-weights.ts';
import { toTensorFeeds } from '../../../engine/training/trainer/tensors.ts';
import type { TrainedTensors } from '../../../engine/training/trainer/trainee.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';

const configOf = (blocks: LoopBlocks, loops: number): EncoderConfig => ({
  width: 16,
  layers: blocks.prefix + blocks.loop + blocks.suffix,
  blocks,
  loops,
  heads: 2,
  innerWidth: 32,
  positions: 8,
  vocabulary: 20,
  tokenTypes: 1,
  epsilon: 1e-5,
});

// Of different lengths: one is padded.
const blocks = [Int32Array.of(3, 17, 5, 5, 19), Int32Array.of(2, 9)];

/** States of one graph that holds every applied layer. */
async function unrolled(config: EncoderConfig, tensors: TrainedTensors): Promise<Float32Array> {
  const { states } = encoderGraph(config, (name, shape) => input(name, 'float32', shape), {
    precision: 'fp32',
    normalise: false,
  });
  const session = await openSession(toOnnx({ states }), { folder: '.', threads: 1, prepack: true });
  const feeds = { ...toEncoderFeeds(blocks, config, 0), ...toTensorFeeds(tensors) };
  const answer = await session.run(feeds, ['states']);
  await session.release();
  return answer['states']!.data as Float32Array;
}

describe('appliedLayers', () => {
  it('applies the looped block again and again between layers that are applied once', () => {
    const blocks = { prefix: 1, loop: 2, suffix: 1 };
    expect(appliedLayers({ layers: 4, blocks, loops: 3 })).toEqual([0, 1, 2, 1, 2, 1, 2, 3]);
    expect(appliedLayers({ layers: 4, blocks })).toEqual([0, 1, 2, 3]);
    expect(appliedLayers({ layers: 3 })).toEqual([0, 1, 2]);
  });
});

describe('parseEncoderConfig', () => {
  const config = configOf({ prefix: 1, loop: 2, suffix: 1 }, 3);
  const json = toEncoderConfigJson(config);

  it('reads what toEncoderConfigJson writes, with and without loops', () => {
    expect(parseEncoderConfig(json, 'config.json')).toEqual(config);
    const { blocks, loops, ...plain } = config;
    expect(parseEncoderConfig(toEncoderConfigJson(plain), 'config.json')).toEqual(plain);
    expect([blocks, loops]).toBeDefined();
  });

  it('refuses blocks that are not the layers, loops without blocks, and no loops at all', () => {
    const parse =
      (changes: object): (() => unknown) =>
      () =>
        parseEncoderConfig({ ...json, ...changes }, 'config.json');
    expect(parse({ num_hidden_layers: 5 })).toThrow(/1 \+ 2 \+ 1 and num_hidden_layers 5/);
    expect(parse({ blocks: undefined })).toThrow(/blocks beside loops/);
    expect(parse({ loops: 0 })).toThrow(/loops/);
  });
});

describe('LoopedEncoder', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'blockrank-loops-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it.each([
    [{ prefix: 1, loop: 2, suffix: 1 }],
    [{ prefix: 0, loop: 1, suffix: 0 }],
    [{ prefix: 2, loop: 1, suffix: 0 }],
  ])('gives by calls of one block what one graph of every layer gives: %o', async (shape) => {
    const tensors = startWeights(configOf(shape, 3), seededRandom(5));
    await saveEncoder(folder, configOf(shape, 3), tensors);
    const encoder = await LoopedEncoder.open(folder);
    const byLoops: Float32Array[] = [];
    for (const loops of [1, 2, 3, 7]) {
      const { data, shape: given } = await encoder.encode(blocks, loops);
      expect(given).toEqual([10, 16]);
      assertAllClose(data as Float32Array, await unrolled(configOf(shape, loops), tensors), { atol: 1e-5 });
      byLoops.push(data as Float32Array);
    }
    // Without a number it is that of training.
    assertAllClose((await encoder.encode(blocks)).data as Float32Array, byLoops[2]!, { atol: 0 });
    // More loops are another function, else the comparison above would show nothing.
    expect(Math.max(...byLoops[0]!.map((value, i) => Math.abs(value - byLoops[3]![i]!)))).toBeGreaterThan(
      0.1,
    );
    await encoder.close();
  });

  it('holds the weights of a block once, however often it is applied', async () => {
    const sizes: number[] = [];
    for (const [name, config] of [
      ['looped', configOf({ prefix: 0, loop: 1, suffix: 0 }, 4)],
      ['own', configOf({ prefix: 0, loop: 4, suffix: 0 }, 1)],
    ] as const) {
      const path = join(folder, name);
      await saveEncoder(
        path,
        { ...config, width: 64, innerWidth: 256 },
        startWeights({ ...config, width: 64, innerWidth: 256 }, seededRandom(1)),
      );
      sizes.push((await stat(join(path, 'model.safetensors'))).size);
    }
    expect(sizes[0]! / sizes[1]!).toBeLessThan(0.35);
  });

  it('refuses loops that are no whole number from 1, and an encoder without blocks', async () => {
    const config = configOf({ prefix: 0, loop: 1, suffix: 0 }, 2);
    const tensors = startWeights(config, seededRandom(1));
    await saveEncoder(folder, config, tensors);
    const encoder = await LoopedEncoder.open(folder);
    await expect(encoder.encode(blocks, 0)).rejects.toThrow(RangeError);
    await expect(encoder.encode(blocks, 1.5)).rejects.toThrow(RangeError);
    await encoder.close();
    const { blocks: none, loops, ...plain } = config;
    expect([none, loops]).toBeDefined();
    const parameters = (name: string, shape: readonly number[]) => input(name, 'float32', shape);
    expect(() => loopedGraphs(plain, parameters, { precision: 'fp32' })).toThrow(RangeError);
  });
});
