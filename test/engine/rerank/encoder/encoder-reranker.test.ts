import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  type EncoderReranker,
  memorySource,
  openEncoderReranker,
  QueryError,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { readOut } from '../../../../engine/readout/readout.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { heapAfterCollection } from '../../../support/checks/heap.ts';
import { shortlistOf, breadTexts as texts } from '../../../support/tiny/shortlist.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
let model: string;
let reranker: EncoderReranker;
const opened: EncoderReranker[] = [];

async function open(options: RerankerOptions = {}): Promise<EncoderReranker> {
  const made = await openEncoderReranker({ model, cacheFolder, workers: 1, ...options });
  opened.push(made);
  return made;
}

beforeAll(async () => {
  model = await tinyModel();
  reranker = await open();
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

describe('EncoderReranker', () => {
  it('answers a permutation with descending scores that sum to one', async () => {
    const { candidates } = await reranker.rerank(shortlistOf('how to bake bread', ...texts));
    expect(candidates.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4, 5]);
    expect(candidates.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 9);
    for (let i = 1; i < candidates.length; i += 1) {
      expect(candidates[i]!.score).toBeLessThanOrEqual(candidates[i - 1]!.score);
    }
  });

  it('keeps what a question was read as, and not its words', async () => {
    const query = (i: number): string => `how to bake bread ${i} ${'x'.repeat(2_000_000)}`;
    await reranker.rerank(shortlistOf(query(0), ...texts));
    const before = heapAfterCollection();
    for (let i = 1; i <= 10; i += 1) await reranker.rerank(shortlistOf(query(i), ...texts));
    expect(heapAfterCollection() - before).toBeLessThan(5e6); // of 20 MB
  });

  it('gives the same answer to the last bit, cold, from cached states, and after reopening', async () => {
    const shortlist = shortlistOf('stars in the sky', ...texts);
    const fresh = await open();
    const cold = await fresh.rerank(shortlist);
    expect((await fresh.rerank(shortlist)).candidates).toEqual(cold.candidates);
    expect((await (await open()).rerank(shortlist)).candidates).toEqual(cold.candidates);
  });

  it('agrees whatever the batch size, document order and number of workers', async () => {
    const shortlist = shortlistOf('bread', ...texts);
    const expected = byIndex(await reranker.rerank(shortlist));
    for (const options of [{ batchTokens: 8 }, { batchTokens: 4096 }, { workers: 3 }, { prepack: false }]) {
      assertAllClose(byIndex(await (await open(options)).rerank(shortlist)), expected, { atol: 1e-4 });
    }
    const backwards = byIndex(await (await open()).rerank(shortlistOf('bread', ...texts.toReversed())));
    assertAllClose(backwards.toReversed(), expected, { atol: 1e-4 });
  });

  it('computes vectors that agree to 1e-5 alone and among others', async () => {
    const forgetful = await open({ stateCacheBytes: 0 });
    const together = await forgetful.encode(shortlistOf('bread', ...texts));
    for (const [i, text] of texts.entries()) {
      const alone = await forgetful.encode(shortlistOf('bread', text));
      assertAllClose(alone.states[0]!.tokens!, together.states[i]!.tokens!, { atol: 1e-5 });
    }
  });

  it('keeps every row of an int8 product apart from its neighbours: alone and among others the vectors are equal', async () => {
    const int8 = await open({ precision: 'int8', stateCacheBytes: 0 });
    const together = await int8.encode(shortlistOf('bread', ...texts));
    const alone = await int8.encode(shortlistOf('bread', texts[1]!));
    assertAllClose(alone.states[0]!.tokens!, together.states[1]!.tokens!, { atol: 1e-5 });
    const floats = await reranker.encode(shortlistOf('bread', ...texts));
    // The bound of int8 on these weights: cosine to float32 above .995 for every document.
    floats.states.forEach(({ anchors }, i) => {
      const cosine = together.states[i]!.anchors.reduce((sum, value, k) => sum + value * anchors[k]!, 0);
      expect(cosine).toBeGreaterThan(0.995);
    });
  });

  it('computes in the workers what the reference readout computes', async () => {
    const shortlist = shortlistOf('bread and stars', ...texts);
    const { query, states } = await reranker.encode(shortlist);
    const { logits } = readOut(query, states, reranker.readout);
    const ranking = await reranker.rerank(shortlist);
    for (const { index, logit } of ranking.candidates) expect(logit).toBeCloseTo(logits[index]!, 4);
  });

  it('scores one candidate 1 and gives an empty list an empty ranking', async () => {
    expect((await reranker.rerank(shortlistOf('bread', texts[0]!))).candidates[0]?.score).toBe(1);
    expect((await reranker.rerank(shortlistOf('bread'))).candidates).toEqual([]);
  });

  it('refuses a query without words with a typed error', async () => {
    for (const query of ['', '   ', '\u0000\u0007']) {
      await expect(reranker.rerank(shortlistOf(query, ...texts))).rejects.toThrow(QueryError);
    }
  });

  it.each([
    ['a query of 10,000 words', 'bread '.repeat(10_000), texts[0]!],
    ['a 1 MB document', 'bread', 'bread and water '.repeat(65_536)],
    ['control characters and lone surrogates', 'bread \u0007 \ud800', 'x\udfff\u0000y'],
    ['right-to-left text and emoji', 'לחם 🍞', 'لحم 👩‍👩‍👧‍👦 bread'],
  ])('takes %s', async (_what, query, text) => {
    const { candidates, usage } = await reranker.rerank(shortlistOf(query, text, 'bread'));
    expect(candidates.every(({ logit }) => Number.isFinite(logit))).toBe(true);
    expect(usage.tokens).toBeLessThan(500);
  });

  it('explains with places in the text that add up, with the template, to the document’s mass', async () => {
    const shortlist = shortlistOf('bread', ...texts, 'Café — naïve 🍞 crème brûlée, bread');
    const { candidates } = await reranker.rerank(shortlist, { explain: true });
    const masses = candidates.map(({ explanation }) => explanation!.mass!);
    assertAllClose([masses.reduce((sum, mass) => sum + mass, 0)], [1], { atol: 1e-6 });
    for (const { index, explanation } of candidates) {
      const { mass, templateMass, spans } = explanation!;
      const sum = spans.reduce((total, span) => total + span.mass, templateMass!);
      assertAllClose([sum], [mass!], { atol: 1e-6 });
      const { text } = shortlist.candidates[index]!;
      for (const { start, end } of spans) expect(text.slice(start, end)).toMatch(/^\S+$/);
    }
  });

  it('explains a document whose words it remembers as it did the first time, wherever it stands in the list', async () => {
    const fresh = await open();
    const explained = async (...list: readonly string[]) => {
      const { candidates } = await fresh.rerank(shortlistOf('bread', ...list), { explain: true });
      return new Map(candidates.map(({ index, explanation }) => [list[index], explanation!.spans]));
    };
    const first = await explained(...texts);
    expect(await explained(...texts)).toEqual(first);
    const turned = await explained(...texts.toReversed());
    for (const text of texts) {
      const places = (all: typeof first) => all.get(text)!.map(({ start, end }) => [start, end]);
      expect(places(turned).sort()).toEqual(places(first).sort());
    }
    await fresh.close();
  });

  it('reports what was at hand, what was encoded and what was cut', async () => {
    const fresh = await open();
    const cold = await fresh.rerank(shortlistOf('bread', texts[0]!, texts[5]!));
    expect(cold.usage).toMatchObject({ statesFound: 0, statesEncoded: 2 });
    expect(cold.usage.truncatedTokens).toBeGreaterThan(0);
    expect((await fresh.rerank(shortlistOf('stars', texts[0]!, texts[1]!))).usage).toMatchObject({
      statesFound: 1,
      statesEncoded: 1,
    });
  });

  it('leaves the token vectors out in tier anchor', async () => {
    const anchors = await open({ tier: 'anchor' });
    const { states } = await anchors.encode(shortlistOf('bread', ...texts));
    expect(states.every(({ tokens }) => tokens === undefined)).toBe(true);
    expect((await anchors.rerank(shortlistOf('bread', ...texts))).candidates).toHaveLength(texts.length);
  });

  it('answers an abort with the reason and refuses calls after close', async () => {
    const abort = new AbortController();
    const call = reranker.rerank(shortlistOf('bread', 'never seen before'), { signal: abort.signal });
    abort.abort(new Error('too late'));
    await expect(call).rejects.toThrow('too late');
    const closed = await open();
    await closed.close();
    await expect(closed.rerank(shortlistOf('bread', 'x'))).rejects.toThrow(TypeError);
    await expect(closed.encodeTexts(['x'])).rejects.toThrow('encodeTexts: the reranker is closed.');
  });
});

describe('openEncoderReranker', () => {
  it('lists every option that cannot be', async () => {
    const call = openEncoderReranker({
      model,
      workers: 0,
      maxDocumentTokens: 9000,
      precision: 'fp64' as never,
    });
    await expect(call).rejects.toThrow(ConfigurationError);
    await expect(call).rejects.toThrow(/workers.*maxDocumentTokens.*precision/s);
  });

  it('refuses 8-bit integers on a GPU, and options of decoders', async () => {
    const call = openEncoderReranker({ model, precision: 'int8', device: 'webgpu', memoryLimitBytes: 1 });
    await expect(call).rejects.toThrow(
      /precision: int8 is computed on the processor alone.*memoryLimitBytes/s,
    );
  });

  it('names what is wrong with a folder that is no model', async () => {
    await expect(openEncoderReranker({ model: cacheFolder })).rejects.toMatchObject({ code: 'model-format' });
    const wrong = await tinyModel({ formatVersion: 2, readout: { alpha: -1 } });
    await expect(openEncoderReranker({ model: wrong })).rejects.toThrow(/formatVersion.*readout\.alpha/s);
  });

  it('closes the state source it was given when it cannot open', async () => {
    const stateSource = memorySource({ maxBytes: 1 });
    await expect(openEncoderReranker({ model, stateSource, workers: 0 })).rejects.toThrow(ConfigurationError);
    await expect(stateSource.getMany([])).rejects.toThrow(TypeError);
  });
});

function byIndex({ candidates }: { candidates: readonly { index: number; score: number }[] }): number[] {
  return [...candidates].sort((a, b) => a.index - b.index).map(({ score }) => score);
}
