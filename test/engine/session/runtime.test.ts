import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../engine/errors.ts';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { linear, multiply } from '../../../engine/graph/operations/index.ts';
import { fileTensor, input, scalar } from '../../../engine/graph/value.ts';
import { openSession } from '../../../engine/session/runtime.ts';

const folder = mkdtempSync(join(tmpdir(), 'blockrank-runtime-'));
/** Sixteen bytes of something else before the weights, as a safetensors header would be. */
writeFileSync(
  join(folder, 'w.bin'),
  Buffer.concat([Buffer.alloc(16, 1), Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer)]),
);
const weights = (offset: number) =>
  fileTensor('w', { type: 'float32', shape: [2, 3] }, { location: 'w.bin', offset, length: 24 });
const product = (offset = 16): Uint8Array =>
  toOnnx({ y: linear(input('x', 'float32', ['N', 3]), weights(offset)) });
const x = { type: 'float32', shape: [2, 3], data: Float32Array.of(1, 0, 0, 0, 1, 1) } as const;

const doubledInput = () => multiply(input('x', 'float32', ['N', 3]), scalar(2));

describe('openSession', () => {
  it.each([true, false])(
    'reads weights where they lie in a file (prepack %s), the same at every run',
    async (prepack) => {
      const session = await openSession(product(), { folder, threads: 1, prepack });
      const first = await session.run({ x }, ['y']);
      const second = await session.run({ x }, ['y']);
      await session.release();
      expect(first['y']).toMatchObject({ type: 'float32', shape: [2, 2] });
      expect([...(first['y']!.data as Float32Array)]).toEqual([1, 4, 5, 11]);
      expect(second['y']!.data).toEqual(first['y']!.data);
    },
  );

  it('writes outputs where it is told to, others beside them', async () => {
    const doubled = toOnnx({ y: linear(input('x', 'float32', ['N', 3]), weights(16)), x2: doubledInput() });
    const session = await openSession(doubled, { folder, threads: 1, prepack: true });
    const y = { type: 'float32', shape: [2, 2], data: new Float32Array(4) } as const;
    const answer = await session.run({ x }, ['y', 'x2'], { y });
    await session.release();
    expect(answer['y']).toBe(y);
    expect([...y.data]).toEqual([1, 4, 5, 11]);
    expect([...(answer['x2']!.data as Float32Array)]).toEqual([2, 0, 0, 0, 2, 2]);
  });

  it.each([
    ['bytes that are no graph', Uint8Array.of(1, 2, 3), folder],
    ['a file that is not there', product(), tmpdir()],
    ['weights beyond the end of the file', product(4096), folder],
  ])('says that the runtime refused %s', async (_what, model, where) => {
    const opening = openSession(model, { folder: where, threads: 1, prepack: true });
    await expect(opening).rejects.toThrow(InferenceError);
    await expect(opening).rejects.toMatchObject({ code: 'inference', executionProvider: 'cpu' });
  });

  it('says which feed is missing or has another shape', async () => {
    const session = await openSession(product(), { folder, threads: 1, prepack: true });
    await expect(session.run({}, ['y'])).rejects.toThrow(/'x'/);
    const wrong = { ...x, shape: [3, 2] };
    await expect(session.run({ x: wrong }, ['y'])).rejects.toThrow(InferenceError);
    await session.release();
  });
});
