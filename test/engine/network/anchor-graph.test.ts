import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import type { Value } from '../../../engine/graph/value.ts';
import { anchorGraph } from '../../../engine/network/anchor-graph.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import type { Precision } from '../../../engine/network/encoder-builder.ts';
import { type EncoderConfig, parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { anchorLayers, layersWorth, matrixMultiplyAdds } from '../../../engine/network/multiply-adds.ts';
import type { Parameters } from '../../../engine/network/parameters.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { fileParameters } from '../../../engine/weights/file-parameters.ts';
import { weightsFor } from '../../../engine/weights/precision-weights.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';

const tiny = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
let config: EncoderConfig;
let cacheFolder: string;
beforeAll(async () => {
  config = parseEncoderConfig(JSON.parse(await readFile(join(tiny, 'config.json'), 'utf8')), tiny);
  cacheFolder = await mkdtemp(join(tmpdir(), 'blockrank-cache-'));
});
afterAll(() => rm(cacheFolder, { recursive: true }));

/** Anchors of blocks of unlike lengths, the last of one token, by a graph. */
async function anchorsOf(
  precision: Precision,
  graph: (parameters: Parameters) => Record<'anchors', Value>,
): Promise<Float32Array> {
  const weights = await weightsFor(
    precision,
    { folder: tiny, file: 'model.safetensors', digest: 'tiny' },
    cacheFolder,
  );
  const { anchors } = graph(fileParameters(weights.table));
  const session = await openSession(toOnnx({ anchors }), {
    folder: weights.folder,
    threads: 1,
    prepack: true,
  });
  const blocks = [9, 17, 4, 1].map((length, b) =>
    Int32Array.from({ length }, (_, i) => 1 + ((i * 7 + b) % 40)),
  );
  const { anchors: rows } = await session.run({ ...toEncoderFeeds(blocks, config, 0) }, ['anchors']);
  await session.release();
  return rows!.data as Float32Array;
}

describe('anchorGraph', () => {
  it.each(['fp32', 'int8', 'fp16'] as const)(
    'gives the anchors that the whole graph gives (%s)',
    async (precision) => {
      const alone = await anchorsOf(precision, (weights) => anchorGraph(config, weights, precision));
      const whole = await anchorsOf(precision, (weights) => encoderGraph(config, weights, { precision }));
      expect(alone).toHaveLength(4 * config.width);
      assertAllClose(alone, whole, { atol: precision === 'fp16' ? 2e-3 : 1e-5 });
    },
  );
});

describe('anchorLayers', () => {
  it('counts keys and values alone of the last layer', () => {
    const shape = { ...config, width: 10, heads: 5, innerWidth: 40, layers: 5 };
    expect(anchorLayers(shape)).toBeCloseTo(4 + (2 * 10 * 10) / matrixMultiplyAdds(shape), 12);
    expect(anchorLayers({ ...shape, layers: 1 })).toBeCloseTo(1 / 6, 12);
    const narrow = [
      { heads: 1, innerWidth: 40 },
      { heads: 2, innerWidth: 1 },
    ];
    expect(anchorLayers({ ...shape, layers: 2, narrow })).toBeCloseTo((80 + 800 + 80) / 1200, 12);
  });
});

describe('layersWorth', () => {
  it('counts layers, those of a loop as often as they are applied, and of narrow ones the share that is left', () => {
    const shape = { ...config, width: 10, heads: 5, innerWidth: 40, layers: 3 };
    expect(layersWorth(shape)).toBeCloseTo(3, 12);
    expect(layersWorth({ ...shape, blocks: { prefix: 1, loop: 1, suffix: 1 }, loops: 4 })).toBeCloseTo(6, 12);
    const narrow = [
      { heads: 5, innerWidth: 40 },
      { heads: 1, innerWidth: 40 },
      { heads: 5, innerWidth: 10 },
    ];
    expect(layersWorth({ ...shape, narrow })).toBeCloseTo(1 + 880 / 1200 + 600 / 1200, 12);
  });
});
