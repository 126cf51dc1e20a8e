import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  DecoderReranker,
  type ExplainedSpan,
  MemoryLimitError,
  memorySource,
  openDecoderReranker,
  openReranker,
  QueryError,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../../support/tiny/tiny-decoder.ts';

const skip = [
  {
    test: 'keeps shortlist order between equal candidates',
    reason: 'a document is printed with its place in the list, so equal texts are not equal blocks',
  },
];
rerankerSuite({
  name: 'DecoderReranker, trained',
  open: async () => openReranker({ model: await tinyDecoder() }),
  skip,
});
rerankerSuite({
  name: 'DecoderReranker, without training',
  open: async () => openReranker({ model: await tinyDecoder('qwen3-tiny', false) }),
  skip,
});

let model: string;
let untrained: string;
const opened: DecoderReranker[] = [];
beforeAll(async () => {
  model = await tinyDecoder();
  untrained = await tinyDecoder('llama-tiny', false);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((reranker) => reranker.close()));
});

async function open(options: RerankerOptions = {}): Promise<DecoderReranker> {
  const reranker = await openDecoderReranker({ model, warmUp: false, ...options });
  opened.push(reranker);
  return reranker;
}

const texts = [
  'Swifts sleep in the air and land only to breed.',
  'The tide is highest when the moon is full — “café” 🐧👩‍👩‍👧 naïve, e\u0301.',
  'Bread rises slowly.',
  'Basalt columns form when thick lava cools slowly and evenly over a long time.',
];
const shortlist = shortlistOf('When is the tide highest?', ...texts);

/** Masses in the order of the text: equal ones may be told in any. */
const inText = (spans: readonly ExplainedSpan[]): number[] =>
  [...spans].sort((a, b) => a.start - b.start).map(({ mass }) => mass);

async function scoresOf(reranker: DecoderReranker, of = shortlist): Promise<number[]> {
  const { candidates } = await reranker.rerank(of);
  return [...candidates].sort((a, b) => a.index - b.index).map(({ score }) => score);
}

describe('DecoderReranker', () => {
  it('gives the attention mass as score', async () => {
    const reranker = await open();
    const { candidates } = await reranker.rerank(shortlist, { explain: true });
    for (const { score, explanation } of candidates) expect(score).toBeCloseTo(explanation!.mass!, 12);
  });

  it('scores alike however documents are batched, padded and threaded', async () => {
    const expected = await scoresOf(await open());
    for (const options of [{ batchTokens: 1 }, { batchTokens: 40 }, { threads: 1 }, { prepack: true }]) {
      assertAllClose(await scoresOf(await open(options)), expected, { atol: 1e-4 });
    }
  });

  it('gives scores and explanations alike in one run and in batches, trained or not, causal or in blocks', async () => {
    const causal = { method: 'icr', layers: { from: 0, to: 3 }, context: 'causal' };
    const blocks = { method: 'icr', layers: { from: 1, to: 4 }, context: 'blocks', calibration: false };
    for (const folder of [
      model,
      untrained,
      await tinyDecoder('qwen3-tiny', { scoring: causal }),
      await tinyDecoder('mistral-tiny', { scoring: blocks }),
    ]) {
      // Lists of more tokens than one run may have go in batches.
      const [whole, cut] = [await open({ model: folder }), await open({ model: folder, batchTokens: 60 })];
      const [one, other] = await Promise.all(
        [whole, cut].map((reranker) => reranker.rerank(shortlist, { explain: true })),
      );
      expect(one!.usage).toEqual(other!.usage);
      const byIndex = new Map(other!.candidates.map((candidate) => [candidate.index, candidate]));
      for (const { index, score, explanation } of one!.candidates) {
        const expected = byIndex.get(index)!;
        assertAllClose([score], [expected.score], { atol: 1e-4 });
        const { mass, templateMass, spans } = expected.explanation!;
        assertAllClose(
          [explanation!.mass!, explanation!.templateMass!, ...inText(explanation!.spans!)],
          [mass!, templateMass!, ...inText(spans!)],
          { atol: 1e-5 },
        );
      }
    }
  });

  it('gives the same scores to the last bit when asked again', async () => {
    const reranker = await open({ threads: 2 });
    expect(await scoresOf(reranker)).toEqual(await scoresOf(reranker));
  });

  it('is handed a list whose masses sum to 1, whatever the texts are', async () => {
    const reranker = await open();
    const anyTexts = fc.array(fc.string({ unit: 'grapheme', maxLength: 60 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(anyTexts, async (some) => {
        const { candidates } = await reranker.rerank(shortlistOf('the tide', ...some), { explain: true });
        const masses = candidates.map(({ explanation }) => explanation!.mass!);
        assertAllClose([masses.reduce((sum, mass) => sum + mass, 0)], [1], { atol: 1e-9 });
      }),
      { numRuns: 20 },
    );
  });

  it('reads no more than its caps, and says how much it cut', async () => {
    const reranker = await open({ maxDocumentTokens: 48, maxQueryTokens: 4 });
    const long = shortlistOf('when is the tide highest of all tides?', 'the tide '.repeat(200), 'short');
    const { usage } = await reranker.rerank(long);
    expect(usage.truncatedTokens).toBeGreaterThan(300);
    expect(usage.tokens).toBeLessThan(300);
  });

  it('shows where the mass lies: spans spell the tokens and sum to the mass with the template', async () => {
    for (const folder of [model, untrained]) {
      const reranker = await open({ model: folder });
      const { candidates } = await reranker.rerank(shortlist, { explain: true });
      for (const { index, explanation } of candidates) {
        const { mass, templateMass, spans } = explanation!;
        const sum = spans.reduce((total, span) => total + span.mass, templateMass!);
        assertAllClose([sum], [mass!], { atol: 1e-6 });
        const inOrder = [...spans].sort((a, b) => a.start - b.start);
        // Disjoint, and together the whole text: nothing is shown twice and nothing left out.
        expect(inOrder.map(({ start, end }) => texts[index]!.slice(start, end)).join('')).toBe(texts[index]);
      }
    }
  });

  it('reads text that spells a special token as plain text', async () => {
    const reranker = await open();
    const spelled = await reranker.rerank(shortlistOf('tide', 'a </s> b [INST] c', 'other'));
    // Parsed, both would be one token each.
    expect(spelled.usage.tokens).toBeGreaterThan(
      (await reranker.rerank(shortlistOf('tide', 'a b c', 'other'))).usage.tokens + 4,
    );
  });

  it('refuses a shortlist that would take more memory than is allowed, before running it', async () => {
    const reranker = await open({ memoryLimitBytes: 50_000 });
    const refusal = reranker.rerank(shortlist);
    await expect(refusal).rejects.toThrow(MemoryLimitError);
    await expect(refusal).rejects.toThrow(
      /shortlist needs .*, 50 KB are allowed: lower rankWindowSize, maxDocumentTokens or batchTokens/,
    );
    await expect(refusal).rejects.toMatchObject({ code: 'memory-limit', allowedBytes: 50_000 });
  });

  it('says that it is the device whose memory is too small, where it is', async () => {
    const shortage = { memory: 'device', neededBytes: 30e9, allowedBytes: 21.6e9 } as const;
    const allowed: unknown[] = [];
    const reranker = new DecoderReranker({
      info: (await open()).info,
      modelFolder: model,
      program: {
        size: 1,
        isOpen: true,
        idle: 1,
        run: (task) => {
          allowed.push((task as { allowed: unknown }).allowed);
          return Promise.resolve({ kind: 'too-large', ...shortage });
        },
        close: () => Promise.resolve(),
      },
      allowedBytes: () => ({ host: 1e12, device: 21.6e9 }),
    });
    const refusal = reranker.rerank(shortlist);
    await expect(refusal).rejects.toThrow(/shortlist needs 30 GB of the device, 22 GB are allowed/);
    await expect(refusal).rejects.toMatchObject({ code: 'memory-limit', ...shortage });
    expect(allowed).toEqual([{ host: 1e12, device: 21.6e9 }]);
  });

  it('ends between two batches when it is given up', async () => {
    const reranker = await open({ batchTokens: 1 });
    const many = shortlistOf('tide', ...Array.from({ length: 300 }, (_, i) => `${texts[i % 4]} ${i}`));
    const giveUp = new AbortController();
    const call = reranker.rerank(many, { signal: giveUp.signal });
    setTimeout(() => giveUp.abort(new Error('too late')), 20);
    await expect(call).rejects.toThrow('too late');
    // The worker is free again long before 300 documents could have been read.
    expect((await reranker.rerank(shortlist)).candidates).toHaveLength(4);
  });

  it('gives heads scores only where no training chose them', async () => {
    const trained = await open();
    await expect(trained.headScores(shortlist)).rejects.toThrow(/trained to rank/);
    const { shape, scores } = await (await open({ model: untrained })).headScores(shortlist);
    expect(shape).toEqual([4, 8, 4]);
    expect(scores.every(Number.isFinite)).toBe(true);
  });

  it('adds up the scores of heads where nothing is calibrated', async () => {
    const scoring = { method: 'icr', layers: { from: 1, to: 3 }, calibration: false };
    const reranker = await open({ model: await tinyDecoder('llama-tiny', { scoring }) });
    const { scores, shape } = await reranker.headScores(shortlist);
    expect(shape).toEqual([2, 8, 4]);
    const { candidates } = await reranker.rerank(shortlist);
    for (const { index, logit } of candidates) {
      const ofHeads = scores.filter((_, i) => i % 4 === index);
      assertAllClose([logit], [ofHeads.reduce((sum, score) => sum + score, 0)], { atol: 1e-9 });
    }
  });

  it('reads the heads that the manifest names, and no other', async () => {
    const heads = [[2, 5]];
    const scoring = { method: 'icr', layers: { from: 1, to: 3 }, heads };
    const { scores } = await (await open({ model: untrained })).headScores(shortlist);
    const chosen = await (await open({ model: await tinyDecoder('llama-tiny', { scoring }) })).rerank(
      shortlist,
    );
    const expected = scores.slice((2 * 8 + 5) * 4, (2 * 8 + 5) * 4 + 4);
    for (const { index, logit } of chosen.candidates)
      assertAllClose([logit], [expected[index]!], { atol: 1e-9 });
  });

  it('refuses a list over which a sliding window does not reach, and reads one over which it does', async () => {
    const folder = await tinyDecoder('mistral-tiny', false);
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as object;
    await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, sliding_window: 256 }));
    const reranker = await open({ model: folder });
    expect((await reranker.rerank(shortlistOf('tide', 'short'))).candidates).toHaveLength(1);
    await expect(reranker.rerank(shortlistOf('tide', 'long '.repeat(300)))).rejects.toThrow(
      /sliding window of 256 positions/,
    );
  });

  it('has nothing to say to a query without words', async () => {
    await expect((await open()).rerank(shortlistOf('?!', 'a'))).rejects.toThrow(QueryError);
  });
});

describe('openReranker over a decoder', () => {
  it('opens a decoder by what its config.json says', async () => {
    const reranker = await openReranker({ model });
    expect(reranker).toBeInstanceOf(DecoderReranker);
    expect(reranker.info).toMatchObject({
      profile: 'in-context',
      executionProvider: 'cpu',
      name: 'mistral-tiny',
    });
    await reranker.close();
  });

  it('lists every option that a decoder does not have', async () => {
    const call = openReranker({
      model,
      tier: 'anchor',
      stateCacheBytes: 0,
      precision: 'int8',
      maxDocumentTokens: 8,
      deviceMemoryLimitBytes: 0,
      warmUpDocuments: 0,
    });
    await expect(call).rejects.toThrow(ConfigurationError);
    await expect(call).rejects.toThrow(
      /maxDocumentTokens.*deviceMemoryLimitBytes.*precision.*warmUpDocuments.*tier.*stateCacheBytes/s,
    );
  });

  it('runs a list as long as those that are to come before it answers, and refuses to open where it does not fit', async () => {
    const memoryLimitBytes = 60_000_000;
    const reranker = await open({ warmUp: true, warmUpDocuments: 5, memoryLimitBytes });
    expect((await reranker.rerank(shortlist)).candidates).toHaveLength(4);
    const tooMany = open({ warmUp: true, warmUpDocuments: 500, memoryLimitBytes });
    await expect(tooMany).rejects.toThrow(MemoryLimitError);
  });

  it('closes the state source that it cannot use', async () => {
    const stateSource = memorySource({ maxBytes: 1 });
    await expect(openReranker({ model, stateSource })).rejects.toThrow(/stateSource/);
    await expect(stateSource.getMany([])).rejects.toThrow(TypeError);
  });

  it('names what is wrong with a manifest', async () => {
    const wrong = await tinyDecoder('mistral-tiny', { scoring: { method: 'signal-tokens', layer: 4 } });
    await expect(openReranker({ model: wrong })).rejects.toThrow(/scoring\.layer 4 of 4 layers/);
    const unknown = await tinyDecoder('mistral-tiny', { formatVersion: 2 });
    await expect(openReranker({ model: unknown })).rejects.toMatchObject({ code: 'model-format' });
  });

  it('says which device is missing instead of running elsewhere', async () => {
    const call = openReranker({ model, device: 'cuda' });
    await expect(call).rejects.toMatchObject({ code: 'inference', executionProvider: 'cuda' });
    await expect(call).rejects.toThrow(/CUDA 12 and cuDNN 9/);
  });
});
