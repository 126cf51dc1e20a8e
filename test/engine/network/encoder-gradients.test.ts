import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as g from '../../../engine/graph/operations/index.ts';
import { input, type Value } from '../../../engine/graph/value.ts';
import { encoderGraph, toEncoderFeeds } from '../../../engine/network/encoder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { gradientOf, trainingGraph } from '../../../engine/training/training-graph.ts';
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
    const answer = await run((name) => weights.get(name)!, names.map(gradientOf));
    for (const name of names) {
      const gradient = answer[gradientOf(name)]!.data as Float32Array;
      const norm = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
      // Along the gradient, and turned away from it by signs that follow no pattern of the network's.
      const direction = gradient.map((value, i) => (value / norm) * ((i * 7) % 5 === 0 ? -1 : 1));
      const slope = direction.reduce((sum, value, i) => sum + value * gradient[i]!, 0);
      const step = 0.02;
      const lossAt = async (by: number): Promise<number> => {
        const moved = weights.get(name)!.map((value, i) => value + by * direction[i]!);
        const { loss: y } = await run((each) => (each === name ? moved : weights.get(each)!), ['loss']);
        return Number(y!.data[0]);
      };
      const difference = ((await lossAt(step)) - (await lossAt(-step))) / (2 * step);
      // The loss is float32 of about 1 to 10: 5e-7 over a step of .04 is 1e-5; the third derivative adds to slopes of .1 to 100.
      expect(Math.abs(difference - slope), `${name}: ${difference} for ${slope}`).toBeLessThan(
        2e-4 + 0.01 * norm,
      );
      // What is added to all keys moves a query's logits alike, which softmax does not see.
      expect(norm < 1e-4, `${name}: ${norm}`).toBe(name.endsWith('key.bias'));
    }
    await session.release();
  });
});
