import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldedReranker } from '../../../engine/compose/folded-duplicates.ts';
import { steppedReranker } from '../../../engine/compose/stepped.ts';
import type { Reranker, Shortlist } from '../../../engine/contract.ts';
import { ConfigurationError } from '../../../engine/errors.ts';
import { fusion } from '../../../engine/scores/fusion.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { rankingFault } from '../../../engine/scores/ranking-fault.ts';
import { saidOfList, sayingReranker } from '../../support/doubles/saying-reranker.ts';

/** Reads "topic number": the number is the logit, texts of one topic are near-duplicates. Tells what it read. */
function reader(read: string[][] = []): Reranker {
  return {
    info: { name: 'reader', encodingDigest: 'e', readoutDigest: 'r' } as Reranker['info'],
    embedder: {
      embed: (texts) => {
        const rows = new Float32Array(texts.length * 26);
        texts.forEach((text, i) => {
          const topic = text.charCodeAt(0) - 97;
          if (topic >= 0) rows[i * 26 + topic] = 2;
        });
        return Promise.resolve({ width: 26, rows });
      },
    },
    rerank: ({ candidates }) => {
      read.push(candidates.map(({ text }) => text));
      return Promise.resolve(rankLogits(candidates.map(({ text }) => Number(text.slice(2) || 0))));
    },
    close: () => Promise.resolve(),
  };
}

const listOf = (texts: readonly string[], pinned?: readonly number[]): Shortlist => ({
  query: { text: 'q' },
  firstStage: 'lexical',
  candidates: texts.map((text, i) => ({ docId: `${i}`, text, segments: [], firstStageScore: -i })),
  ...(pinned && { pinned }),
});

const texts = ['a 1', 'b 5', 'a 9', 'c 3', 'b 0'];

describe('foldedReranker', () => {
  it('reads the first of near-duplicates, and puts the others under it with its scores', async () => {
    const read: string[][] = [];
    const { candidates } = await foldedReranker(reader(read)).rerank(listOf(texts));
    expect(read).toEqual([['a 1', 'b 5', 'c 3']]);
    expect(candidates.map(({ index, logit, duplicateOf }) => [index, logit, duplicateOf])).toEqual([
      [1, 5, undefined],
      [4, 5, 1],
      [3, 3, undefined],
      [0, 1, undefined],
      [2, 1, 0],
    ]);
  });

  it('puts them below all others where told, in the order of those that stand for them', async () => {
    const { candidates } = await foldedReranker(reader(), { placement: 'last' }).rerank(listOf(texts));
    expect(candidates.map(({ index }) => index)).toEqual([1, 3, 0, 4, 2]);
  });

  it('keeps them there after fusion, around which it stands', async () => {
    const fused = foldedReranker(steppedReranker(reader(), [fusion({ weight: 0.4 })]));
    const { candidates } = await fused.rerank(listOf(texts));
    const place = (index: number): number => candidates.findIndex((each) => each.index === index);
    expect(place(4)).toBe(place(1) + 1);
    expect(place(2)).toBe(place(0) + 1);
  });

  it('lets pinned documents stand for themselves, at their place in what is read', async () => {
    const lists: Shortlist[] = [];
    const inner = reader();
    const rerank: Reranker['rerank'] = (list) => {
      lists.push(list);
      return inner.rerank(list);
    };
    const { candidates } = await foldedReranker({ ...inner, rerank }).rerank(listOf(texts, [2, 3]));
    expect(lists[0]!.candidates.map(({ docId }) => docId)).toEqual(['0', '1', '2', '3']);
    expect(lists[0]!.pinned).toEqual([2, 3]);
    expect(candidates.filter(({ duplicateOf }) => duplicateOf !== undefined)).toHaveLength(1);
  });

  it('keeps what is said of the whole list', async () => {
    expect(await foldedReranker(sayingReranker(reader())).rerank(listOf(texts))).toMatchObject(saidOfList);
  });

  it('gives every candidate once, in order, for any list', async () => {
    const text = fc.tuple(fc.constantFrom('a', 'b', 'c', 'é'), fc.integer({ min: -3, max: 3 }));
    const placement = fc.constantFrom('under' as const, 'last' as const);
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 12 }), placement, async (pairs, chosen) => {
        const list = listOf(pairs.map(([topic, logit]) => `${topic} ${logit}`));
        const ranking = await foldedReranker(reader(), { placement: chosen }).rerank(list);
        expect(rankingFault(ranking, pairs.length)).toBeUndefined();
        const duplicates = ranking.candidates.filter((each) => each.duplicateOf !== undefined);
        for (const { index, duplicateOf } of duplicates) {
          expect(duplicateOf).toBeLessThan(index);
          expect(pairs[duplicateOf!]![0]).toBe(pairs[index]![0]);
        }
      }),
    );
  });

  it('leaves a reranker alone that has no embedder, and refuses options that cannot be', () => {
    const { embedder: _, ...bare } = reader();
    expect(foldedReranker(bare)).toBe(bare);
    expect(() => foldedReranker(reader(), { cosine: 0 })).toThrow(ConfigurationError);
    expect(() => foldedReranker(reader(), { placement: 'first' as never })).toThrow('under or last');
  });
});
