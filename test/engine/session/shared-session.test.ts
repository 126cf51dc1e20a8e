import { describe, expect, it } from 'vitest';
import { InferenceError } from '../../../engine/errors.ts';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import { add } from '../../../engine/graph/operations/index.ts';
import { input, scalar } from '../../../engine/graph/value.ts';
import { openSharedSession } from '../../../engine/session/shared-session.ts';

const graph = (value: number): Uint8Array => toOnnx({ y: add(input('x', 'float32', [1]), scalar(value)) });
const options = { folder: '.', threads: 1, prepack: true };
const x = { type: 'float32', shape: [1], data: Float32Array.of(1) } as const;

describe('openSharedSession', () => {
  it('gives the session that is loaded already until everyone who took it has released it', async () => {
    const [one, two] = [
      await openSharedSession(graph(1), options, 'w'),
      await openSharedSession(graph(1), { ...options }, 'w'),
    ];
    expect(one.inputs).toBe(two.inputs); // one session's set of names
    await one.release();
    await one.release(); // does not release for the other one
    expect((await two.run({ x }, ['y']))['y']!.data).toEqual(Float32Array.of(2));
    await two.release();
    const anew = await openSharedSession(graph(1), options, 'w');
    expect(anew.inputs).not.toBe(two.inputs);
    await anew.release();
  });

  it.each([
    ['graph', () => openSharedSession(graph(2), options, 'w')],
    ['options', () => openSharedSession(graph(1), { ...options, prepack: false }, 'w')],
    ['weights', () => openSharedSession(graph(1), options, 'v')],
  ])('shares none between those that differ in their %s', async (_what, other) => {
    const [one, two] = [await openSharedSession(graph(1), options, 'w'), await other()];
    expect(one.inputs).not.toBe(two.inputs);
    await Promise.all([one.release(), two.release()]);
  });

  it('keeps no session that could not be loaded', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(openSharedSession(Uint8Array.of(1, 2), options, '')).rejects.toThrow(InferenceError);
    }
  });
});
