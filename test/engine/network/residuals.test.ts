import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { input } from '../../../engine/graph/value.ts';
import { encoderGraph } from '../../../engine/network/encoder.ts';
import { parseEncoderConfig } from '../../../engine/network/encoder-config.ts';
import { toEncoderFeeds } from '../../../engine/network/encoder-inputs.ts';
import {
  type ResidualForm,
  ResidualSums,
  residualInputs,
  residualKinds,
  residualParameterCount,
  residualShapes,
  residualStart,
} from '../../../engine/network/residuals.ts';
import { openSession } from '../../../engine/session/runtime.ts';
import { fileParameters } from '../../../engine/weights/file-parameters.ts';
import { readTensorTable } from '../../../engine/weights/safetensors.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { randomNumbers } from '../../support/tiny/tiny-states.ts';

const folder = fileURLToPath(new URL('../../fixtures/bert-tiny', import.meta.url));
const config = parseEncoderConfig(JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')), folder);
const blocks = [
  [2, 17, 45, 99, 3],
  [2, 250, 3],
].map((ids) => Int32Array.from(ids));
const formOf = (kind: ResidualForm['kind']): ResidualForm => ({ kind, rank: 4, window: 3 });

type Tensors = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
const feedsOf = (tensors: Tensors) =>
  Object.fromEntries([...tensors].map(([name, each]) => [name, { type: 'float32' as const, ...each }]));

/** States of both blocks, through a residual where one is given. */
async function encode(form?: ResidualForm, tensors: Tensors = new Map()): Promise<Float32Array> {
  const path = 'model.safetensors';
  const entries = [...(await readTensorTable(join(folder, path)))];
  const table = new Map(entries.map(([name, entry]) => [name, { ...entry, file: path }]));
  const inputs = form && residualInputs(form, config);
  const residual = form && { form, parameters: (name: string) => inputs![name]! };
  const graph = toOnnx(encoderGraph(config, fileParameters(table), { precision: 'fp32', residual }));
  const session = await openSession(graph, { folder, threads: 1, prepack: true });
  const { states } = await session.run({ ...toEncoderFeeds(blocks, config, 0), ...feedsOf(tensors) }, [
    'states',
  ]);
  await session.release();
  return states!.data as Float32Array;
}

const plain = await encode();

describe('residuals of an encoder', () => {
  it.each(residualKinds)('of kind %s start as the plain sums', async (kind) => {
    const form = formOf(kind);
    assertAllClose(await encode(form, residualStart(form, config)), plain, { atol: 1e-6 });
  });

  it.each(residualKinds)('of kind %s change the states once their numbers do', async (kind) => {
    const form = formOf(kind);
    const next = randomNumbers(3);
    const tensors = residualStart(form, config);
    for (const { data } of tensors.values()) for (const i of data.keys()) data[i]! += 0.3 * next();
    const states = await encode(form, tensors);
    const most = Math.max(...states.map((value, i) => Math.abs(value - plain[i]!)));
    expect(most).toBeGreaterThan(1e-2);
  });
});

describe('residualParameterCount', () => {
  it.each(residualKinds)('counts the numbers of kind %s', (kind) => {
    const shapes = residualShapes(formOf(kind), config);
    const counted = [...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(residualParameterCount(formOf(kind), config)).toBe(counted);
  });

  it('gives 73,752 numbers for rw+lr of rank 8 in six layers of width 384', () => {
    // 12 sums, each with 2 weights and two matrices of 8 x 384.
    const form: ResidualForm = { kind: 'rw+lr', rank: 8, window: 3 };
    expect(residualParameterCount(form, { layers: 6, width: 384 })).toBe(2 * 8 * 384 * 12 + 24);
  });

  it('gives 2rW + k a sum for pa', () => {
    const form: ResidualForm = { kind: 'pa', rank: 5, window: 4 };
    expect(residualParameterCount(form, { layers: 1, width: 7 })).toBe(2 * (2 * 5 * 7 + 4));
  });
});

describe('residualStart', () => {
  it('has columns in down that are orthogonal and of one length', () => {
    const { data } = residualStart(formOf('lr'), config).get('residual.0.lr.down')!;
    const column = (c: number): number[] => [...data].filter((_, i) => i % 4 === c);
    const dot = (a: number, b: number): number => column(a).reduce((sum, x, i) => sum + x * column(b)[i]!, 0);
    for (const [a, b] of [
      [0, 1],
      [1, 3],
    ] as const)
      expect(dot(a, b)).toBe(0);
    // W / r entries of 1 / sqrt(rW) in each.
    for (const c of [0, 1, 2, 3]) expect(dot(c, c)).toBeCloseTo(1 / 16, 6);
  });
});

describe('ResidualSums', () => {
  it('computes a·f(x) + b·(x + lr + pa), and looks back on the streams before', async () => {
    const sizes = { layers: 1, width: 2 };
    const form: ResidualForm = { kind: 'rw+lr+pa', rank: 1, window: 2 };
    const inputs = residualInputs(form, sizes);
    const sums = new ResidualSums({ form, parameters: (name) => inputs[name]! });
    const row = (name: string) => input(name, 'float32', ['T', 2]);
    const first = sums.next(row('f0'), row('x0'));
    const second = sums.next(row('f1'), row('x1'));
    const session = await openSession(toOnnx({ first, second }), { folder, threads: 1, prepack: false });
    const numbers = {
      rw: [Math.log(3), 0], // weights 1.5 and 1
      'lr.down': [1, 0],
      'lr.up': [0, 2], // x -> (0, 2 x_0)
      'pa.down': [0, 1],
      'pa.up': [1, 0], // y -> (y_1, 0)
      'pa.shares': [0.5, 10],
    } as const;
    const tensors = new Map(
      [...residualShapes(form, sizes)].map(([name, shape]) => {
        const tensor = name.split('.').slice(2).join('.') as keyof typeof numbers;
        return [name, { shape, data: Float32Array.from(numbers[tensor]) }];
      }),
    );
    const value = (...data: number[]) => ({ shape: [1, 2], data: Float32Array.from(data) });
    const streams = new Map([
      ['f0', value(2, 4)],
      ['x0', value(1, 3)],
      ['f1', value(0, 2)],
      ['x1', value(5, 7)],
    ]);
    const answer = await session.run({ ...feedsOf(tensors), ...feedsOf(streams) }, ['first', 'second']);
    await session.release();
    // First: 1.5 (2, 4) + (1, 3) + (0, 2) + (0.5·3 + 10·3, 0): before it there is x0 alone.
    assertAllClose(answer['first']!.data as Float32Array, [3 + 1 + 31.5, 6 + 3 + 2], { atol: 1e-5 });
    // Second: 1.5 (0, 2) + (5, 7) + (0, 10) + (0.5·7 + 10·3, 0).
    assertAllClose(answer['second']!.data as Float32Array, [5 + 33.5, 3 + 7 + 10], { atol: 1e-5 });
  });
});
