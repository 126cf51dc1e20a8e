import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toOnnx } from '../../../../engine/graph/onnx.ts';
import { add, cast, multiply, sumOver } from '../../../../engine/graph/operations/index.ts';
import { input } from '../../../../engine/graph/value.ts';
import { ConfigurationError, InferenceError, modelFamily, openReranker } from '../../../../engine/index.ts';
import { toPair, toPairFeeds } from '../../../../engine/rerank/cross-encoder/pairs.ts';
import type { Tokenizer } from '../../../../engine/tokenizer/tokenizer.ts';
import { rerankerSuite } from '../../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../../support/closed-after-each.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';

let model: string;
const closed = closedAfterEach();

/** A graph in place of a network: the sum of ids where attended, and of the document's once more. */
function tinyCrossEncoder(output: string): Uint8Array {
  const tokens = (name: string) => cast(input(name, 'int64', ['B', 'T']), 'float32');
  const attended = multiply(tokens('input_ids'), tokens('attention_mask'));
  const twice = add(attended, multiply(attended, tokens('token_type_ids')));
  return toOnnx({ [output]: sumOver(twice, [1], { keeps: true }) });
}

async function folderWith(output: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-pairs-'));
  const tokenizer = fileURLToPath(new URL('../../../fixtures/bert-tiny/tokenizer.json', import.meta.url));
  await cp(tokenizer, join(folder, 'tokenizer.json'));
  await writeFile(join(folder, 'model.onnx'), tinyCrossEncoder(output));
  return folder;
}

beforeAll(async () => {
  model = await folderWith('logits');
});
afterAll(() => rm(model, { recursive: true, force: true }));

rerankerSuite({ name: 'a cross-encoder', open: () => openReranker({ model, workers: 1 }) });

describe('openReranker over a cross-encoder', () => {
  it('knows the family by model.onnx alone', async () => {
    expect(await modelFamily(model)).toBe('cross-encoder');
  });

  it('scores each pair as the graph does alone, however pairs are batched', async () => {
    const texts = ['a star', 'the planets and the stars', '', 'pork and beans with roses in spring'];
    const list = shortlistOf('stars', ...texts);
    const logits = async (batchTokens: number): Promise<number[]> => {
      const reranker = closed(await openReranker({ model, workers: 2, batchTokens }));
      const { candidates } = await reranker.rerank(list);
      return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
    };
    const alone = await logits(1);
    expect(await logits(4096)).toEqual(alone);
    expect(new Set(alone).size).toBe(texts.length);
  });

  it('counts what it reads and what the cap cuts', async () => {
    const reranker = closed(await openReranker({ model, workers: 1, maxDocumentTokens: 3 }));
    const { usage } = await reranker.rerank(shortlistOf('stars', 'a b c d e'));
    expect(usage.truncatedTokens).toBe(2);
    expect(usage).toMatchObject({ statesFound: 0, statesEncoded: 0 });
  });

  it('refuses options that mean nothing to it, all at once', async () => {
    const opening = openReranker({ model, tier: 'anchor', precision: 'int8' });
    await expect(opening).rejects.toThrow(ConfigurationError);
    await expect(opening).rejects.toThrow(/precision.*\n?.*tier/s);
  });

  it('refuses to drop documents', async () => {
    const opening = openReranker({ model, dropping: { keep: 0.5 } });
    await expect(opening).rejects.toThrow(/dropping: a cross-encoder has no such option/);
  });

  it('refuses a file that gives no logits, and says what it gives', async () => {
    const other = await folderWith('embeddings');
    try {
      const opening = openReranker({ model: other, workers: 1 });
      await expect(opening).rejects.toThrow(InferenceError);
      await expect(opening).rejects.toThrow(/outputs embeddings/);
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });
});

describe('pairs', () => {
  const tokenizer: Tokenizer = {
    openId: 101,
    closeId: 102,
    padId: 0,
    encode: (text) => Int32Array.from(text.split(' ').filter(Boolean), Number),
    spell: String,
  };
  const caps = { maxQueryTokens: 4, maxDocumentTokens: 2 };

  it('are [CLS] query [SEP] document [SEP], the document cut', () => {
    const pair = toPair(Int32Array.of(7), '8 9 10', tokenizer, caps);
    expect([...pair.ids]).toEqual([101, 7, 102, 8, 9, 102]);
    expect(pair).toMatchObject({ documentStart: 3, truncatedTokens: 1 });
  });

  it('are filled up to the longest; types mark the document and its closing token', () => {
    const pairs = ['8 9', '8'].map((text) => toPair(Int32Array.of(7), text, tokenizer, caps));
    const { input_ids: ids, attention_mask: mask, token_type_ids: types } = toPairFeeds(pairs, 0);
    expect(ids!.shape).toEqual([2, 6]);
    expect(Array.from(ids!.data as BigInt64Array, Number).slice(6)).toEqual([101, 7, 102, 8, 102, 0]);
    expect(Array.from(mask!.data as BigInt64Array, Number).slice(6)).toEqual([1, 1, 1, 1, 1, 0]);
    expect(Array.from(types!.data as BigInt64Array, Number).slice(6)).toEqual([0, 0, 0, 1, 1, 0]);
  });
});
