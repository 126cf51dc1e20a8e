import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldsReranker } from '../../../engine/compose/fields-reranker.ts';
import type { Candidate, FieldText, Reranker, Shortlist } from '../../../engine/contract.ts';
import { rankLogits } from '../../../engine/scores/ranking.ts';
import { rankingFault } from '../../../engine/scores/ranking-fault.ts';
import { saidOfList, sayingReranker } from '../../support/doubles/saying-reranker.ts';

/** Reads a number at the end of a text as its logit; reads at most so many texts in time. */
function reader(lists: Shortlist[] = [], inTime = Number.POSITIVE_INFINITY): Reranker {
  return {
    info: { name: 'reader', encodingDigest: 'e', readoutDigest: 'r' } as Reranker['info'],
    rerank: (list) => {
      lists.push(list);
      const ranking = rankLogits(list.candidates.map(({ text }) => Number(/-?[\d.]*$/.exec(text)![0] || 0)));
      const candidates = ranking.candidates.map((one) => {
        const { text } = list.candidates[one.index]!;
        const explanation = { mass: one.score, spans: [{ start: 0, end: text.length, mass: one.score }] };
        return { ...one, explanation, ...(one.index >= inTime && { isRead: false as const }) };
      });
      return Promise.resolve({ ...ranking, candidates, usage: { ...ranking.usage, read: inTime } });
    },
    close: () => Promise.resolve(),
  };
}

const fieldText = (field: string, text: string, more: Partial<FieldText> = {}): FieldText => ({
  field,
  text,
  ...more,
});
const listOf = (...all: readonly (readonly FieldText[] | string)[]): Shortlist => ({
  query: { text: 'q' },
  firstStage: 'lexical',
  candidates: all.map((of, i): Candidate => {
    if (typeof of === 'string') return { docId: `${i}`, text: of, segments: [] };
    return { docId: `${i}`, text: of.map(({ text }) => text).join(' '), segments: [], fieldTexts: of };
  }),
});

describe('fieldsReranker', () => {
  it('ranks a document by its best text, and names the field and the value', async () => {
    const list = listOf(
      [
        fieldText('title', 'a 1'),
        fieldText('reviews', 'b 2', { value: 0 }),
        fieldText('reviews', 'c 9', { value: 1 }),
      ],
      [fieldText('title', 'd 5'), fieldText('reviews', 'e 3', { value: 0 })],
      'whole 7',
    );
    const { candidates } = await fieldsReranker(reader()).rerank(list);
    expect(
      candidates.map(({ index, logit, field, fieldValue }) => [index, logit, field, fieldValue]),
    ).toEqual([
      [0, 9, 'reviews', 1], // its second review
      [2, 7, undefined, undefined], // scored as one text
      [1, 5, 'title', undefined],
    ]);
  });

  it('counts the mass of a text as often as its weight says: a logit rises by ln weight', async () => {
    const list = listOf(
      [fieldText('title', '1', { weight: 4 }), fieldText('body', '2')],
      [fieldText('body', '2.3')],
    );
    const { candidates } = await fieldsReranker(reader()).rerank(list);
    expect(candidates.map(({ index, field }) => [index, field])).toEqual([
      [0, 'title'], // 1 + ln 4 = 2.39
      [1, 'body'],
    ]);
    expect(candidates[0]!.logit).toBeCloseTo(1 + Math.log(4), 12);
  });

  it('reads each part once in one list, leaves out blank ones, stored states and pins', async () => {
    const lists: Shortlist[] = [];
    const list = listOf([fieldText('title', 'a 1'), fieldText('body', ' ')], [fieldText('title', '  ')]);
    const candidates = list.candidates.map((one) => ({ ...one, storedState: new Uint8Array(1) }));
    await fieldsReranker(reader(lists)).rerank({ ...list, candidates, pinned: [1], asksStates: true });
    expect(lists).toHaveLength(1);
    const { candidates: read, ...rest } = lists[0]!;
    expect(rest).toEqual({ query: { text: 'q' }, firstStage: 'lexical' });
    expect(read.map(({ docId, text }) => [docId, text])).toEqual([
      ['0', 'a 1'],
      ['1', '  '], // nothing else to read
    ]);
    expect(read.every((one) => !('storedState' in one || 'fieldTexts' in one))).toBe(true);
  });

  it('explains the winner at its place in the document, with masses that sum to 1 over the list', async () => {
    const { candidates } = await fieldsReranker(reader()).rerank(
      listOf([fieldText('title', 'a 1'), fieldText('body', 'b 3')], 'whole 2'),
    );
    const [{ explanation }] = candidates as [(typeof candidates)[0]];
    expect(explanation!.spans).toMatchObject([{ start: 4, end: 7 }]); // "a 1 b 3"
    const { mass, templateMass, spans } = explanation!;
    expect(templateMass! + spans[0]!.mass).toBeCloseTo(mass!, 12);
    const sum = candidates.reduce((total, one) => total + one.explanation!.mass!, 0);
    expect(sum).toBeCloseTo(1, 12);
  });

  it('keeps a document in its place of which no part was read in time', async () => {
    const list = listOf(
      [fieldText('a', '1'), fieldText('b', '5')],
      [fieldText('a', '9')],
      [fieldText('a', '8')],
    );
    const { candidates, usage } = await fieldsReranker(reader([], 2)).rerank(list);
    expect(candidates.map(({ index, isRead }) => [index, isRead])).toEqual([
      [0, undefined],
      [1, false],
      [2, false],
    ]);
    expect(usage.read).toBe(1);
  });

  it('keeps what is said of the whole list', async () => {
    const list = listOf([fieldText('title', 'a 1'), fieldText('body', 'b 2')], 'whole 7');
    expect(await fieldsReranker(sayingReranker(reader())).rerank(list)).toMatchObject(saidOfList);
  });

  it('gives a list without field texts to the reranker as it is', async () => {
    const lists: Shortlist[] = [];
    const list = listOf('a 1', 'b 2');
    await fieldsReranker(reader(lists)).rerank(list);
    expect(lists[0]).toBe(list);
  });

  const number = fc.integer({ min: -50, max: 50 }).map(String);
  const fieldTexts = fc.array(
    fc.record({ field: fc.constantFrom('a', 'b'), text: fc.oneof(number, fc.constant(' ')) }),
    { maxLength: 4 },
  );

  it('gives every document once, with finite numbers, for any field texts and whatever is read in time', async () => {
    const lists = fc.array(fc.oneof(fieldTexts, number), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lists, fc.nat(6), async (all, inTime) => {
        const ranking = await fieldsReranker(reader([], inTime)).rerank(listOf(...all));
        expect(rankingFault(ranking, all.length)).toBeUndefined();
      }),
    );
  });

  it('of one part a document ranks as the joined text does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(number, { maxLength: 8 }), async (texts) => {
        const apart = await fieldsReranker(reader()).rerank(
          listOf(...texts.map((text) => [fieldText('a', text)])),
        );
        const joined = await reader().rerank(listOf(...texts));
        const shown = ({ candidates }: typeof joined) =>
          candidates.map(({ index, logit, score }) => [index, logit, score]);
        expect(shown(apart)).toEqual(shown(joined));
      }),
    );
  });
});
