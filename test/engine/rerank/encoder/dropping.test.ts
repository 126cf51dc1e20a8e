import { rm } from 'node:fs/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type DroppingOptions,
  type EncoderReranker,
  openEncoderReranker,
  openReranker,
  type Ranking,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { dotRows } from '../../../../engine/readout/vectors.ts';
import { zScores } from '../../../../engine/scores/fusion-scores.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { closedAfterEach } from '../../../support/closed-after-each.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';

const guessing = { dropping: { firstStageWeight: 0.2 } };
const depths = {
  1: { weights: 'one.safetensors', ...guessing },
  2: { weights: 'two.safetensors', ...guessing },
};
const words = 'stars planets beans bread oven sky river stone music light'.split(' ');
/** Texts of unlike lengths, the longest of several blocks. */
const textOf = (i: number): string =>
  Array.from({ length: 3 + ((i * 7) % 60) }, (_, j) => words[(i * 3 + j * j) % words.length]).join(' ');
const list = (count: number, first = 0) =>
  shortlistOf('who studies the stars', ...Array.from({ length: count }, (_, i) => textOf(first + i)));
const dropping = { keep: 0.25, minKeep: 1 };

let model: string;
beforeAll(async () => {
  model = await tinyModel({ depths });
  await addTinyDepth(model, [0], 'one.safetensors');
  await addTinyDepth(model);
});
afterAll(() => rm(model, { recursive: true }));

const toClose = closedAfterEach();
const open = async (options: RerankerOptions = {}): Promise<EncoderReranker> =>
  toClose(await openEncoderReranker({ model, workers: 1, warmUp: false, ...options }));
const droppedOf = ({ candidates }: Ranking): number[] =>
  candidates.flatMap(({ index, isDropped }) => (isDropped ? [index] : [])).sort((a, b) => a - b);
const readOf = ({ candidates }: Ranking): number[] =>
  candidates.flatMap(({ index, isDropped }) => (isDropped ? [] : [index]));

rerankerSuite({
  name: 'an encoder that drops documents and keeps no states',
  open: () => openReranker({ model, workers: 1, warmUp: false, stateCacheBytes: 0, dropping }),
});

describe('document dropping', () => {
  it.each(['fp32', 'int8'] as const)(
    'leaves every state as it is without, to the last bit (%s)',
    async (precision) => {
      const texts = list(9).candidates.map(({ text }) => text);
      const whole = await open({ precision });
      const partly = await open({ precision, dropping });
      expect(partly.info.encodingDigest).toBe(whole.info.encodingDigest);
      expect(partly.info.readoutDigest).not.toBe(whole.info.readoutDigest);
      expect(await partly.encodeTexts(texts)).toEqual(await whole.encodeTexts(texts));
    },
  );

  it('reads some documents to the end, ranks the others below them and marks them', async () => {
    const reranker = await open({ dropping });
    const ranking = await reranker.rerank(list(16), { explain: true });
    expect(droppedOf(ranking)).toHaveLength(12);
    expect(ranking.usage).toMatchObject({ statesFound: 0, statesEncoded: 4, statesDropped: 12 });
    // Nothing that was dropped stands above something that was read.
    expect(ranking.candidates.map(({ isDropped }) => isDropped === true)).toEqual([
      ...Array(4).fill(false),
      ...Array(12).fill(true),
    ]);
    for (const { explanation, calibratedScore } of ranking.candidates) {
      expect(explanation).toBeDefined();
      expect(calibratedScore).toBeGreaterThanOrEqual(0);
      expect(calibratedScore).toBeLessThanOrEqual(1);
    }
  });

  it('gives the documents that it reads the states that a run without gives them', async () => {
    const [partly, whole] = [await open({ dropping }), await open()];
    const read = readOf(await partly.rerank(list(16)));
    const texts = read.map((index) => list(16).candidates[index]!.text);
    const again = await partly.encodeTexts(texts);
    expect(again).toEqual(await whole.encodeTexts(texts));
    // They were kept: only the dropped ones are still to be read.
    expect((await partly.prepare(texts.map((text) => ({ docId: text, text })))).statesEncoded).toBe(0);
  });

  it('never drops a document whose state is at hand', async () => {
    const reranker = await open({ dropping });
    const first = await reranker.rerank(list(16));
    const second = await reranker.rerank(list(16));
    for (const index of readOf(first)) expect(readOf(second)).toContain(index);
    expect(second.usage).toMatchObject({ statesFound: 4, statesEncoded: 3, statesDropped: 9 });
    await reranker.prepare(list(16).candidates);
    expect(droppedOf(await reranker.rerank(list(16)))).toEqual([]);
  });

  it('drops nothing of a list that is no longer than minKeep', async () => {
    const [partly, whole] = [await open({ dropping: { keep: 0.25 } }), await open()];
    const ranking = await partly.rerank(list(10));
    expect(ranking.usage.statesDropped).toBe(0);
    expect(ranking.candidates).toEqual((await whole.rerank(list(10))).candidates);
    expect(droppedOf(await partly.rerank(list(1)))).toEqual([]);
    expect((await partly.rerank(list(0))).candidates).toEqual([]);
  });

  it('treats documents with the same text alike', async () => {
    const reranker = await open({ dropping });
    const { candidates, ...rest } = list(12);
    const twice = { ...rest, candidates: [...candidates, ...candidates] };
    const dropped = droppedOf(await reranker.rerank(twice));
    expect(dropped).toHaveLength(18);
    for (const index of dropped) expect(dropped).toContain((index + 12) % 24);
  });

  it('gives a permutation, whatever the bounds and first-stage scores', async () => {
    const reranker = await open({ dropping: { keep: 0.3, minKeep: 2, maxKeep: 5 }, stateCacheBytes: 0 });
    const score = fc.oneof(fc.double(), fc.constant(undefined));
    await fc.assert(
      fc.asyncProperty(fc.array(score, { maxLength: 24 }), fc.nat(40), async (scores, first) => {
        const { candidates, ...rest } = list(scores.length, first);
        const scored = candidates.map(({ firstStageScore: _, ...candidate }, i) => ({
          ...candidate,
          ...(scores[i] !== undefined && { firstStageScore: scores[i] }),
        }));
        const ranking = await reranker.rerank({ ...rest, candidates: scored });
        const indices = ranking.candidates.map(({ index }) => index).sort((a, b) => a - b);
        expect(indices).toEqual([...indices.keys()]);
        expect(indices).toHaveLength(scores.length);
        const { statesFound, statesEncoded, statesDropped } = ranking.usage;
        expect(statesFound + statesEncoded + statesDropped!).toBe(scores.length);
        for (const { logit } of ranking.candidates) expect(Number.isFinite(logit)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  it('drops in a call with ample time to read in, and nothing in one with little', async () => {
    const reranker = await open({ dropping });
    const hurried = await reranker.rerank(list(16), { readWithinMs: 0 });
    expect(hurried.usage).toMatchObject({ read: 0, stoppedBy: 'time' });
    expect(droppedOf(hurried)).toEqual([]);
    const ample = await reranker.rerank(list(16), { readWithinMs: 60_000 });
    expect(ample.candidates).toEqual((await (await open({ dropping })).rerank(list(16))).candidates);
    expect(droppedOf(ample)).toHaveLength(12);
  });

  it('answers with what is at hand where dropping takes longer than was expected', async () => {
    // Nothing was measured yet, and batches of a million tokens are guessed to be read in a quarter of a second.
    const reranker = await open({ dropping, batchTokens: 1_000_000 });
    const { candidates, usage } = await reranker.rerank(list(16), { readWithinMs: 1 });
    expect(candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...Array(16).keys()]);
    const { statesFound, statesEncoded, statesDropped = 0, read = 16 } = usage;
    expect(statesFound + statesEncoded + statesDropped).toBe(read);
  });

  it('guesses by the anchors that the smaller depth has, in 8-bit integers', async () => {
    const reranker = await open({ dropping: { ...dropping, keep: 0.3, depth: 2 } });
    const smaller = await open({ depth: 2, precision: 'int8', tier: 'anchor' });
    const shortlist = { ...list(12), firstStage: 'unknown' as const };
    const [{ query }, { states }] = [await reranker.encode(shortlist), await smaller.encode(shortlist)];
    const cosines = states.map(({ anchors, blockTokens }) =>
      Math.max(
        ...blockTokens.map((_, b) => dotRows({ rows: query.anchor, row: 0 }, { rows: anchors, row: b }, 48)),
      ),
    );
    assertAllClose(await reranker.guessScores(shortlist), zScores(cosines)!, { atol: 0.02 });
  });

  it('guesses by the smallest depth where none is named, and names it in the digest of the order', async () => {
    const digestOf = async (one: DroppingOptions) => (await open({ dropping: one })).info.readoutDigest;
    const smallest = await digestOf({ keep: 0.25 });
    expect(await digestOf({ keep: 0.25, depth: 1 })).toBe(smallest);
    expect(await digestOf({ keep: 0.25, depth: 2 })).not.toBe(smallest);
  });

  it('reads whole what would be dearer to guess', async () => {
    // Ten of fifteen are kept: guessing all of them takes more than five documents.
    const { usage } = await (await open({ dropping: { keep: 0.25, minKeep: 10, depth: 2 } })).rerank(
      list(15),
    );
    expect(usage).toMatchObject({ statesEncoded: 15, statesDropped: 0 });
  });

  it('counts what it saved, less what it took to guess', async () => {
    const reranker = await open({ dropping });
    const { usage } = await reranker.rerank(list(16));
    const whole = await (await open()).rerank(list(16));
    expect(usage.tokens).toBe(whole.usage.tokens);
    expect(usage.layerTokensSaved).toBeGreaterThan(0);
    expect(usage.layerTokensSaved).toBeLessThan(usage.tokens * 3 * 0.8);
  });

  it('gives up its batches when the caller does', async () => {
    const reranker = await open({ dropping });
    const controller = new AbortController();
    const asked = reranker.rerank(list(40), { signal: controller.signal });
    controller.abort(new Error('gave up'));
    await expect(asked).rejects.toThrow('gave up');
    expect((await reranker.rerank(list(40))).candidates).toHaveLength(40);
  });
});

describe('options of document dropping', () => {
  const refused = async (options: RerankerOptions): Promise<string> => {
    const error = await openReranker({ model, ...options }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  };

  it.each([0, 1, -1, Number.NaN, '0.5' as unknown as number])('refuse to keep %s', async (keep) => {
    expect(await refused({ dropping: { keep } })).toContain(
      `dropping.keep: expected a share above 0 and below 1, got ${keep}`,
    );
  });

  it('tell all that is wrong at once', async () => {
    const message = await refused({
      dropping: { keep: 2, minKeep: 0, maxKeep: 0.5, depth: 7, kept: 1 } as never,
      device: 'webgpu',
      residual: 'tenant',
    });
    for (const part of [
      'dropping.keep: ',
      'dropping.minKeep: expected a whole number of at least 1, got 0',
      'dropping.maxKeep: expected a whole number of at least minKeep, 0, got 0.5',
      'dropping.depth: expected 2 or 1, got 7',
      'there is no option "kept"; did you mean keep?',
      'documents are dropped on the processor alone',
      'smaller depths guess without residuals',
    ])
      expect(message).toContain(part);
  });

  it('are refused of a model without a depth that can tell, and at that depth itself', async () => {
    const plain = await tinyModel({ depths: { 2: { weights: 'two.safetensors' } } });
    const none = 'the model has no smaller depth that tells which documents to drop';
    expect(await refused({ model: plain, dropping })).toContain(none);
    expect(await refused({ dropping, depth: 1 })).toContain(none);
    await rm(plain, { recursive: true });
  });

  it('are refused where guessing would cost more than it saves', async () => {
    expect(await refused({ dropping: { keep: 0.5, depth: 2 } })).toContain(
      'dropping.keep: expected less than 0.33, got 0.5: guessing with 2 of 3 layers would cost more than it saves',
    );
    expect(await refused({ dropping: { keep: 0.5 }, depth: 2 })).toContain('expected less than 0.50');
  });
});
