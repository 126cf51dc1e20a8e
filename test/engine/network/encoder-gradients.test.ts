import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as g from '../../../engine/graph/operations/index.ts';
import { input, type Value } from '../../../engine/graph/value.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import { trainingGraph } from '../../../engine/training/training-graph.ts';
import { expectSlopes } from '../../support/checks/directional-gradients.ts';
import { openGraph, spread } from '../../support/checks/gradient-check.ts';
import { naiveWeights } from '../../support/oracles/naive-decoder.ts';

const folder = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
const config = parseEncoderConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), folder);

describe('encoderGraph', () => {
  it('has gradients by every weight that agree with differences along random directions', async () => {
    const parameters: Record<string, Value> = {};
    const { states } = encoderGraph(
      config,
      (name, shape) => {
        parameters[name] ??= input(name, 'float32', shape);
        return parameters[name];
      },
      { precision: 'fp32' },
    );
    const weighted = g.multiply(states, input('wanted', 'float32', ['B·L', config.width]));
    const loss = g.sumOver(weighted, [0, 1], { keeps: false });
    // Two blocks of different lengths: one is padded.
    const fed = toEncoderFeeds([Int32Array.of(2, 17, 45, 45, 3), Int32Array.of(2, 99, 3)], config, 0);
    const wanted = spread(10 * config.width);
    wanted.fill(0, 8 * config.width); // nobody reads padding
    const weights = await naiveWeights(folder);
    const names = Object.keys(parameters);
    const session = await openGraph(trainingGraph({ loss, parameters }));
    const run = async (at: (name: string) => Float32Array, outputs: string[]) =>
      await session.run(
        {
          ...fed,
          wanted: { type: 'float32', shape: [10, config.width], data: wanted },
          ...Object.fromEntries(
            names.map((name) => [
              name,
              { type: 'float32', shape: parameters[name]!.shape as number[], data: at(name) } as const,
            ]),
          ),
        },
        outputs,
      );
    await expectSlopes({
      weights,
      names,
      run,
      onNorm: (name, norm) => {
        // What is added to all keys moves a query's logits alike, which softmax does not see.
        expect(norm < 1e-4, `${name}: ${norm}`).toBe(name.endsWith('key.bias'));
      },
    });
    await session.release();
  });
});
