import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memorySource, stateCodec } from '../../../engine/index.ts';
import { toBatches } from '../../../engine/states/batches.ts';
import type { EncodingWorkers } from '../../../engine/states/encoding-jobs.ts';
import { StateEncoder } from '../../../engine/states/state-encoder.ts';
import { textDigest } from '../../../engine/text-digest.ts';

const width = 2;

/** Workers whose runs wait until the test lets them go; a block's vectors are its first id. */
function gatedWorkers() {
  const gates: { blocks: readonly Int32Array[]; open: () => void }[] = [];
  const encoded: number[][] = [];
  const workers: EncodingWorkers = {
    tokenise: async (texts) =>
      texts.map((text) => ({ blocks: [Int32Array.of(text.length, 1, 2)], truncatedTokens: 0 })),
    encode: (blocks, { signal } = {}) =>
      new Promise((resolve, reject) => {
        let isOpen = false;
        signal?.addEventListener('abort', () => isOpen || reject(signal.reason));
        gates.push({
          blocks,
          open: () => {
            isOpen = true;
            encoded.push(blocks.map((ids) => ids[0]!));
            resolve(
              blocks.map((ids) => ({
                anchor: new Float32Array(width).fill(ids[0]!),
                tokens: new Float32Array(3 * width),
              })),
            );
          },
        });
      }),
  };
  return { workers, gates, encoded };
}

function encoderOver(encoding: EncodingWorkers, batchTokens = 3) {
  const source = memorySource();
  const encoder = new StateEncoder({ encodingDigest: 'm', width, encoding, source, batchTokens, workers: 1 });
  return { encoder, source };
}
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('StateEncoder', () => {
  it('encodes what the source lacks, each text once, and finds it the next time', async () => {
    const { workers, gates, encoded } = gatedWorkers();
    const { encoder } = encoderOver(workers);
    const first = encoder.encode(['a', 'bb', 'a']);
    await settle();
    for (const gate of gates) gate.open();
    const { states, statesEncoded } = await first;
    expect(states.map(({ anchors }) => anchors[0])).toEqual([1, 2, 1]);
    expect(statesEncoded).toBe(3);
    expect(await encoder.encode(['bb', 'a'])).toMatchObject({ statesFound: 2, statesEncoded: 0 });
    expect(encoded.flat().sort()).toEqual([1, 2]);
  });

  it('answers an abort at once and keeps what was finished afterwards', async () => {
    const { workers, gates, encoded } = gatedWorkers();
    const { encoder } = encoderOver(workers);
    const abort = new AbortController();
    const call = encoder.encode(['a', 'bb'], { signal: abort.signal });
    await settle();
    gates[0]!.open();
    await settle();
    abort.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
    const again = encoder.encode(['a', 'bb']);
    await settle();
    expect(encoded).toEqual([[1]]); // the second batch left the queue and waits anew
    gates.at(-1)!.open();
    expect(await again).toMatchObject({ statesFound: 1, statesEncoded: 1 });
  });

  it('does not drop a batch that another request waits for too', async () => {
    const { workers, gates } = gatedWorkers();
    const { encoder } = encoderOver(workers);
    const abort = new AbortController();
    const given = encoder.encode(['a'], { signal: abort.signal });
    const kept = encoder.encode(['a']);
    await settle();
    abort.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    expect(gates).toHaveLength(1);
    gates[0]!.open();
    expect((await kept).states).toHaveLength(1);
  });

  it('puts texts of several calls into one batch while the workers are busy', async () => {
    const { workers, gates, encoded } = gatedWorkers();
    const { encoder } = encoderOver(workers, 6);
    const calls = [['a', 'bb', 'ccc', 'dddd'], ['eeeee'], ['ffffff']].map((texts) => encoder.encode(texts));
    await settle();
    expect(gates).toHaveLength(2); // one runs, one is at hand; the rest waits where it can be joined
    for (let at = 0; at < gates.length; at += 1) {
      gates[at]!.open();
      await settle();
    }
    expect(encoded.map((batch) => batch.toSorted())).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect((await Promise.all(calls)).map(({ states }) => states.map(({ anchors }) => anchors[0]))).toEqual([
      [1, 2, 3, 4],
      [5],
      [6],
    ]);
  });

  it('passes on a worker failure to the texts of that batch alone', async () => {
    const encoding: EncodingWorkers = {
      tokenise: async (texts) =>
        texts.map((text) => ({ blocks: [Int32Array.of(text.length, 1, 2)], truncatedTokens: 0 })),
      encode: async (blocks) => {
        if (blocks[0]![0] === 2) throw new Error('out of luck');
        return blocks.map(() => ({ anchor: new Float32Array(width) }));
      },
    };
    const { encoder } = encoderOver(encoding);
    await expect(encoder.encode(['a', 'bb'])).rejects.toThrow('out of luck');
    expect(await encoder.encode(['a'])).toMatchObject({ statesFound: 1 });
  });
});

describe('StateEncoder of a tier', () => {
  const key = { encodingDigest: 'm', textDigest: textDigest('a') };
  const anchored = { width, blockTokens: [3], anchors: new Float32Array(width), truncatedTokens: 0 };
  const whole = { ...anchored, tokens: new Float32Array(3 * width) };
  const instant: EncodingWorkers = {
    tokenise: async (texts) => texts.map(() => ({ blocks: [Int32Array.of(7, 1, 2)], truncatedTokens: 0 })),
    encode: async (blocks) =>
      blocks.map(() => ({
        anchor: new Float32Array(width).fill(1 / 3),
        tokens: new Float32Array(6).fill(0.1),
      })),
  };
  const opened = (more: object) => {
    const source = memorySource();
    const common = { encodingDigest: 'm', width, encoding: instant, batchTokens: 3, workers: 1 };
    return { source, encoder: new StateEncoder({ ...common, source, ...more }) };
  };

  it('`tokens` encodes anew what the source has anchors of alone', async () => {
    const { source, encoder } = opened({ tier: 'tokens' });
    await source.putMany([[key, anchored]]);
    const { states, statesFound } = await encoder.encode(['a']);
    expect(statesFound).toBe(0);
    expect(states[0]!.tokens).toHaveLength(6);
    expect(await encoder.encode(['a'])).toMatchObject({ statesFound: 1 });
  });

  it('`anchor` reads the anchors of whatever the source has', async () => {
    const { source, encoder } = opened({ tier: 'anchor' });
    await source.putMany([[key, whole]]);
    const { states, statesFound } = await encoder.encode(['a']);
    expect(statesFound).toBe(1);
    expect(states[0]!.tokens).toBeUndefined();
  });

  it('with a codec gives new states the form in which they are kept', async () => {
    const { encoder } = opened({ tier: 'tokens', codec: stateCodec('tokens-fp16:2') });
    const [fresh] = (await encoder.encode(['a'])).states;
    expect(fresh!.blockTokens).toEqual([2]);
    expect(fresh!.anchors[0]).toBe(0.333251953125); // the half nearest to 1/3
    expect((await encoder.encode(['a'])).states[0]).toEqual(fresh);
  });
});

describe('memorySource', () => {
  it('forgets the least recently used state when its bytes are spent, and keeps nothing at 0 bytes', async () => {
    const state = { width: 2, blockTokens: [1], anchors: new Float32Array(2), truncatedTokens: 0 };
    const key = (textDigest: string) => ({ encodingDigest: 'm', textDigest });
    const source = memorySource({ maxBytes: 16 });
    await source.putMany([
      [key('a'), state],
      [key('b'), state],
    ]);
    await source.getMany([key('a')]);
    await source.putMany([[key('c'), state]]);
    const found = await source.getMany([key('a'), key('b'), key('c')]);
    expect(found.map((s) => s !== undefined)).toEqual([true, false, true]);
    const nothing = memorySource({ maxBytes: 0 });
    await nothing.putMany([[key('a'), state]]);
    expect(await nothing.getMany([key('a')])).toEqual([undefined]);
    await source.close();
    await expect(source.getMany([])).rejects.toThrow(TypeError);
  });
});

describe('toBatches', () => {
  it('puts every block in exactly one batch, within about the budget, for any lengths', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 2, max: 160 })),
        fc.integer({ min: 1, max: 4 }),
        (lengths, workers) => {
          const batches = toBatches(lengths, { batchTokens: 512, workers });
          expect(batches.flat().sort((a, b) => a - b)).toEqual([...lengths.keys()]);
          for (const batch of batches) {
            const tokens = batch.reduce((sum, i) => sum + lengths[i]!, 0);
            expect(tokens).toBeLessThanOrEqual(512 + 160);
          }
        },
      ),
    );
  });

  it('gives every worker the same number of batches when there is work for all', () => {
    const lengths = Array.from({ length: 100 }, () => 128);
    expect(toBatches(lengths, { batchTokens: 1024, workers: 2 }).length % 2).toBe(0);
  });
});
