import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySource } from '../../../engine/index.ts';
import type { EncodingWorkers } from '../../../engine/states/encoding-jobs.ts';
import { StateEncoder } from '../../../engine/states/state-encoder.ts';
import { toWaves } from '../../../engine/states/waves.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('toWaves', () => {
  it('puts every text in one wave, longest first, each full but the last', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2000 })), (lengths) => {
        const texts = lengths.map((length) => 'x'.repeat(length));
        const waves = toWaves(texts, { waveTokens: 200, documentTokens: 100 });
        const order = waves.flat();
        expect(order.toSorted((a, b) => a - b)).toEqual([...texts.keys()]);
        expect(order.map((i) => lengths[i]!)).toEqual(lengths.toSorted((a, b) => b - a));
        for (const wave of waves.slice(0, -1)) expect(wave.length).toBeGreaterThanOrEqual(2); // 100 tokens each at most
      }),
    );
  });

  it('takes a long text for what the caps leave of it', () => {
    const texts = Array.from({ length: 8 }, () => 'x'.repeat(100_000));
    expect(toWaves(texts, { waveTokens: 400, documentTokens: 100 }).map(({ length }) => length)).toEqual([
      4, 4,
    ]);
  });
});

/** A device whose batches wait until the test lets them go, and workers that tokenise as slowly as the test wants. */
function gated() {
  const tokenising: { texts: readonly string[]; open: () => void }[] = [];
  const batches: { lengths: number[]; open: () => void }[] = [];
  const encoding: EncodingWorkers = {
    tokenise: (texts) =>
      new Promise((resolve) => {
        const documents = texts.map(({ length }) => ({
          blocks: [new Int32Array(length)],
          truncatedTokens: 0,
        }));
        tokenising.push({ texts, open: () => resolve(documents) });
      }),
    encode: (blocks) =>
      new Promise((resolve) => {
        const open = (): void => resolve(blocks.map(() => ({ anchor: new Float32Array(2) })));
        batches.push({ lengths: blocks.map(({ length }) => length), open });
      }),
  };
  return { encoder: encoderOver(encoding), tokenising, batches };
}

function encoderOver(encoding: EncodingWorkers): StateEncoder {
  return new StateEncoder({
    encodingDigest: 'm',
    width: 2,
    encoding,
    source: memorySource(),
    batchTokens: 40,
    workers: 1,
    waves: { waveTokens: 12, documentTokens: 100, tokenisers: 1 },
  });
}

/** Texts of so many characters, all different. */
const textsOf = (...lengths: number[]): string[] =>
  lengths.map((length, i) => String.fromCharCode(97 + i).repeat(length));

describe('StateEncoder with waves', () => {
  it('encodes the longest documents while the others are tokenised', async () => {
    const { encoder, tokenising, batches } = gated();
    const call = encoder.encode(textsOf(9, 40, 36, 8, 38, 10));
    await settle();
    expect(tokenising.map(({ texts }) => texts.map(({ length }) => length))).toEqual([
      [40, 38],
      [36, 10],
      [9, 8],
    ]);
    tokenising[0]!.open();
    await settle();
    expect(batches.flatMap(({ lengths }) => lengths)).toEqual([40, 38]);
    for (const task of tokenising) task.open();
    await settle();
    for (let b = 0; b < batches.length; b += 1) {
      batches[b]!.open();
      await settle();
    }
    expect((await call).statesEncoded).toBe(6);
  });

  it('makes the same batches of a list whichever wave is tokenised first', async () => {
    const made = [];
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const { encoder, tokenising, batches } = gated();
      const call = encoder.encode(textsOf(9, 40, 36, 8, 38, 10));
      await settle();
      for (const task of order) {
        tokenising[task]!.open();
        await settle();
      }
      for (let b = 0; b < batches.length; b += 1) {
        batches[b]!.open();
        await settle();
      }
      await call;
      made.push(batches.map(({ lengths }) => lengths));
    }
    expect(made[1]).toEqual(made[0]);
    expect(made[2]).toEqual(made[0]);
  });

  it('fails the documents of a wave that cannot be tokenised, and no others', async () => {
    const workers = { fail: true };
    const failing: EncodingWorkers = {
      tokenise: async (texts) => {
        if (workers.fail && texts.some(({ length }) => length === 40)) throw new Error('the worker is gone');
        return texts.map(({ length }) => ({ blocks: [new Int32Array(length)], truncatedTokens: 0 }));
      },
      encode: async (blocks) => blocks.map(() => ({ anchor: new Float32Array(2) })),
    };
    const encoder = encoderOver(failing);
    const texts = textsOf(40, 39, 8, 7);
    await expect(encoder.encode(texts)).rejects.toThrow('the worker is gone');
    await settle();
    workers.fail = false;
    expect(await encoder.encode(texts)).toMatchObject({ statesFound: 2, statesEncoded: 2 });
  });
});
