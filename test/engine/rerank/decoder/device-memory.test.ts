import { describe, expect, it } from 'vitest';
import { arenaBytes, deviceBytes } from '../../../../engine/rerank/decoder/device-memory.ts';

describe('arenaBytes', () => {
  // Counted by a CUDA runtime over ordinary memory: two layers of Mistral-7B's shape in float16, 12 to 250 documents of
  // 115 tokens in the mean, what was taken beyond the weights.
  it.each([
    [149.2e6, 540.1e6],
    [283.4e6, 1077e6],
    [556.3e6, 2154.9e6],
    [833.6e6, 2165.4e6],
    [1106.2e6, 3239.2e6],
    [1655.6e6, 4329.7e6],
    [2752.7e6, 7550.9e6],
  ])('says of %d bytes of results what the runtime takes for them, within 3 %', (working, taken) => {
    expect(arenaBytes(working) / taken).toBeGreaterThan(0.97);
    expect(arenaBytes(working) / taken).toBeLessThan(1.03);
  });

  it('takes nothing for nothing', () => {
    expect(arenaBytes(0)).toBe(0);
  });
});

describe('deviceBytes', () => {
  it('counts the weights of every session that is open, and none on a processor', () => {
    const run = { weightBytes: 1000, sessions: 3, workingBytes: 0 };
    expect(deviceBytes('cuda', run)).toBe(3000);
    expect(deviceBytes('cpu', run)).toBe(0);
  });
});
