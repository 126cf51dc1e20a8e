import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { sharedFloats } from '../../../engine/session/shared-floats.ts';

const megabyte = 2 ** 20;

/** Most bytes of buffers at any time while states come and go, as in a cache that holds a hundred of them. */
async function mostHeld(make: (length: number) => Float32Array): Promise<number> {
  const cache: Float32Array[] = [];
  const before = process.memoryUsage().arrayBuffers;
  let most = 0;
  for (let i = 0; i < 3000; i += 1) {
    cache[i % 100] = make(megabyte / Float32Array.BYTES_PER_ELEMENT);
    if (i % 20 > 0) continue;
    await nextTurn();
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
  }
  return most;
}

describe('sharedFloats', () => {
  it('are zeros that threads share', () => {
    const values = sharedFloats(3);
    expect([...values]).toEqual([0, 0, 0]);
    expect(values.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('are collected before gigabytes lie about', async () => {
    expect(await mostHeld(sharedFloats)).toBeLessThan(1500 * megabyte);
  });
});
