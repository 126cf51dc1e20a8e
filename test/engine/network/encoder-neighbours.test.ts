import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import type { Precision } from '../../../engine/network/encoder-builder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { fileParameters } from '../../../engine/weights/file-parameters.ts';
import { weightsFor } from '../../../engine/weights/precision-weights.ts';

const folder = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-neighbours-'));
const config = parseEncoderConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), folder);

/** A block of ids that depend on `seed`. */
const block = (tokens: number, seed: number): Int32Array =>
  Int32Array.from(
    { length: tokens },
    (_, i) => 5 + ((i * i * 31 + seed * 97 + i * 7) % (config.vocabulary - 5)),
  );

/** Encodes batches in one session; each batch gives its first block's token vectors. */
async function firstOf(
  precision: Precision,
  batches: readonly (readonly Int32Array[])[],
): Promise<Float32Array[]> {
  const weights = await weightsFor(
    precision,
    { folder, file: 'model.safetensors', digest: 'tiny' },
    cacheFolder,
  );
  const graph = toOnnx(encoderGraph(config, fileParameters(weights.table), { precision }));
  const session = await openSession(graph, { folder: weights.folder, threads: 1, prepack: true });
  const firsts: Float32Array[] = [];
  for (const blocks of batches) {
    const { states } = await session.run({ ...toEncoderFeeds(blocks, config, 0) }, ['states']);
    firsts.push((states!.data as Float32Array).slice(0, blocks[0]!.length * config.width));
  }
  await session.release();
  return firsts;
}

describe('encoderGraph', () => {
  it.each(['fp32', 'int8'] as const)(
    'gives a block the same bits whatever its neighbours of equal length (%s)',
    async (precision) => {
      const own = block(24, 0);
      const batches = [[own], [own, block(24, 1)], [own, block(24, 2), block(24, 3), block(24, 4)], [own]];
      const [alone, ...others] = await firstOf(precision, batches);
      for (const other of others) expect(other).toEqual(alone);
    },
  );

  it('multiplies 8-bit integers to within .005 of the cosine of float32', async () => {
    const blocks = [3, 9, 30, 64].map((tokens) => [block(tokens, tokens)]);
    const [exact, rounded] = [await firstOf('fp32', blocks), await firstOf('int8', blocks)];
    exact.forEach((rows, n) => {
      for (let t = 0; t < rows.length; t += config.width) {
        const cosine = rows
          .subarray(t, t + config.width)
          .reduce((sum, value, k) => sum + value * rounded[n]![t + k]!, 0);
        expect(cosine).toBeGreaterThan(0.995);
      }
    });
  });
});
