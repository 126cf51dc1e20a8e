import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { QueryError, TrainingListError } from '../../../../engine/errors.ts';
import { openReranker } from '../../../../engine/index.ts';
import { scoreRun } from '../../../../engine/training/teachers/score-run.ts';
import { openScoreStore } from '../../../../engine/training/teachers/score-store.ts';
import {
  type TeacherMember,
  withStart,
  withTeacher,
} from '../../../../engine/training/teachers/with-teacher.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';
import { fakeReranker } from '../../../../plugin/testing/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';
import { tinyCollection, tinyRun } from '../../../support/tiny/training-source.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-teacher-'));
});
afterEach(() => rm(folder, { recursive: true }));

const listOf = (queryId: string, query: string, ...texts: readonly string[]): TrainingList => ({
  set: 'tiny',
  queryId,
  query,
  documents: texts.map((text, i) => ({ docId: `d${i}`, text })),
});
const lists = [listOf('q1', 'a tide', 'a', 'the tide', 'a tide'), listOf('q2', 'bread', 'bread', 'sun')];
/** A reranker whose logits are lengths of texts. */
const byLength = () => fakeReranker({ logit: ({ text }) => text.length, info: { name: 'length' } });

describe('withTeacher', () => {
  it('gives lists the logits of one model, in the order of their documents', async () => {
    const progress: string[] = [];
    const { lists: taught, unread } = await withTeacher(lists, [{ reranker: byLength() }], {
      onProgress: (done, total) => progress.push(`${done}/${total}`),
    });
    expect(taught.map(({ teacherLogits }) => [...teacherLogits!])).toEqual([
      [1, 8, 6],
      [5, 3],
    ]);
    expect(unread).toBe(0);
    expect(progress).toEqual(['1/2', '2/2']);
    expect(lists[0]).not.toHaveProperty('teacherLogits');
  });

  it('mixes z-scores of several models by their weights, on the scale of the first that has one', async () => {
    const other = fakeReranker({
      logit: (_candidate, _query, index) => 1000 * index,
      info: { name: 'place' },
    });
    const same = fakeReranker({ logit: () => 7, info: { name: 'same' } });
    const mixed = async (...members: readonly TeacherMember[]): Promise<Float32Array> =>
      (await withTeacher(lists, members)).lists[0]!.teacherLogits!;
    const deviationOf = (values: readonly number[]): number => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    };
    const z = (values: readonly number[]): number[] => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.map((value) => (value - mean) / deviationOf(values));
    };
    const lengths = [1, 8, 6];
    const places = [0, 1000, 2000];
    const byWeight = z(lengths).map((value, i) => 0.75 * value + 0.25 * z(places)[i]!);
    const first = { reranker: byLength(), weight: 3 };
    const second = { reranker: other, weight: 1 };
    const scaled = (deviation: number, share = 1): number[] =>
      byWeight.map((value) => share * deviation * value);
    assertAllClose(await mixed(first, second), scaled(deviationOf(lengths)), { rtol: 1e-6 });
    assertAllClose(await mixed(second, first), scaled(deviationOf(places)), { rtol: 1e-6 });
    // Who cannot tell documents apart sets no scale.
    const flat = { reranker: same, weight: 4 };
    assertAllClose(await mixed(flat, first, second), scaled(deviationOf(lengths), 0.5), { rtol: 1e-6 });
  });

  it('computes scores once, whatever ids there are, and anew for anything that logits depend on', async () => {
    const path = join(folder, 'scores.jsonl');
    const calls = async (
      given: readonly TrainingList[],
      info: Parameters<typeof fakeReranker>[0] = {},
    ): Promise<number> => {
      const store = await openScoreStore(path);
      const reranker = fakeReranker({ logit: ({ text }) => text.length, ...info });
      await withTeacher(given, [{ reranker }], { store });
      await store.close();
      return reranker.calls.length;
    };
    expect(await calls(lists)).toBe(2);
    expect(await calls(lists)).toBe(0);
    const renamed = lists.map((list) => ({
      ...list,
      set: 'other',
      queryId: `${list.queryId}x`,
      documents: list.documents.map((each) => ({ ...each, docId: `${each.docId}x`, gain: 1 })),
    }));
    expect(await calls(renamed)).toBe(0);
    for (const part of ['name', 'encodingDigest', 'readoutDigest'])
      expect(await calls(lists, { info: { [part]: 'another' } })).toBe(2);
    const [first, second] = [lists[0]!, lists[1]!];
    expect(await calls([{ ...first, query: 'other' }, second])).toBe(1);
    expect(await calls([{ ...first, documents: first.documents.toReversed() }])).toBe(1);
    expect(
      await calls([
        { ...first, documents: first.documents.map((each, i) => ({ ...each, firstStageScore: i })) },
      ]),
    ).toBe(1);
  });

  it('goes on where an aborted or failed run ended', async () => {
    const store = await openScoreStore(join(folder, 'scores.jsonl'));
    const failing = fakeReranker({
      fault: (call) => {
        if (call === 2) throw new Error('the device is gone');
      },
    });
    await expect(withTeacher(lists, [{ reranker: failing }], { store })).rejects.toThrow(
      'the device is gone',
    );
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    await expect(
      withTeacher(lists, [{ reranker: failing }], { store, signal: controller.signal }),
    ).rejects.toThrow('enough');
    expect((await withTeacher(lists, [{ reranker: failing }], { store })).lists).toHaveLength(2);
    expect(failing.calls).toHaveLength(3);
    await store.close();
  });

  it('counts lists that a model cannot read, and leaves them out', async () => {
    const reranker = fakeReranker({
      fault: (_call, { query }) => {
        if (query.text === 'bread') throw new QueryError('no words');
      },
    });
    const { lists: taught, unread } = await withTeacher(lists, [{ reranker }]);
    expect([taught.map(({ queryId }) => queryId), unread]).toEqual([['q1'], 1]);
  });

  it('refuses logits that are none, no members, and weights that weigh nothing', async () => {
    const broken = fakeReranker({
      info: { name: 'broken' },
      answer: (ranking) => ({
        ...ranking,
        candidates: ranking.candidates.map((each) => ({ ...each, logit: Number.NaN })),
      }),
    });
    const failure = withTeacher(lists, [{ reranker: broken }]);
    await expect(failure).rejects.toBeInstanceOf(TrainingListError);
    await expect(failure).rejects.toThrow(
      'Cannot take the logits of "broken" for query "q1" of "tiny": expected a ranking of 3 documents, and position',
    );
    await expect(withTeacher(lists, [])).rejects.toThrow(RangeError);
    await expect(withTeacher(lists, [{ reranker: byLength(), weight: 0 }])).rejects.toThrow(RangeError);
  });
});

describe('withStart', () => {
  it('gives lists the logits of the model before training, beside those of a teacher', async () => {
    const model = await openReranker({ model: await tinyModel(), workers: 1 });
    const taught = (await withTeacher(lists, [{ reranker: byLength() }])).lists;
    const [list] = (await withStart(taught, model)).lists;
    const ranking = await model.rerank({
      query: { text: lists[0]!.query },
      firstStage: 'unknown',
      candidates: lists[0]!.documents.map((each) => ({ ...each, segments: [] })),
    });
    await model.close();
    expect([...list!.teacherLogits!]).toEqual([1, 8, 6]);
    for (const { index, logit } of ranking.candidates)
      expect(list!.startLogits![index]).toBe(Math.fround(logit));
  });
});

describe('scoreRun', () => {
  it('orders candidates and relevant documents by the reranker, for queries that may be learnt from', async () => {
    const collection = tinyCollection({
      documents: { a: ['', 'a'], b: ['', 'bbb'], c: ['', 'cc'], d: ['', 'dddd'] },
      queries: { q1: 'one', q2: 'two', q3: 'three' },
      qrels: { q1: { d: 1, a: 0 }, q2: { a: 1 }, q3: { gone: 1 } },
    });
    const firstStage = tinyRun({ q1: ['a', 'b', 'lost', 'c'], q2: ['b'] });
    const source = { collection, firstStage, leaked: new Set(['q2']) };
    const run = await scoreRun(byLength(), source, { rankWindowSize: 2 });
    expect(run).toEqual(
      new Map([
        [
          'q1',
          [
            { docId: 'd', score: 4 },
            { docId: 'b', score: 3 },
            { docId: 'a', score: 1 },
          ],
        ],
      ]),
    );
  });
});

describe('the shipped model as a teacher', () => {
  it('puts the document that answers above those that do not, twice the same', async () => {
    const reranker = await openReranker({ workers: 1 });
    const store = await openScoreStore(join(folder, 'scores.jsonl'));
    const given = [
      listOf(
        'q1',
        'what causes high tides',
        'Bread rises while the yeast eats sugar.',
        'The pull of the moon and the sun makes the sea rise and fall twice a day.',
        'The stock market closed higher on Friday.',
      ),
    ];
    const [first] = (await withTeacher(given, [{ reranker }], { store })).lists;
    await reranker.close();
    // The closed reranker is not asked again.
    const [again] = (await withTeacher(given, [{ reranker }], { store })).lists;
    await store.close();
    const logits = [...first!.teacherLogits!];
    expect(logits.indexOf(Math.max(...logits))).toBe(1);
    expect(again!.teacherLogits).toEqual(first!.teacherLogits);
  });
});
