import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../../engine/errors.ts';
import { developmentLists } from '../../../../engine/training/data/development-lists.ts';
import { type DrawOptions, drawLists } from '../../../../engine/training/data/training-lists.ts';
import type { TrainingSource } from '../../../../engine/training/data/training-source.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';
import { tinyCollection, tinyRun } from '../../../support/tiny/training-source.ts';

const collection = tinyCollection({
  documents: {
    tide: ['Tides', 'The moon pulls the sea.'],
    tide2: ['tides:', 'the moon pulls, the sea'],
    sun: ['Sun', 'The sun pulls the sea too.'],
    moon: ['Moon', 'The moon has no sea.'],
    bread: ['Bread', 'Dough rises.'],
    cake: ['Cake', 'Dough rises twice.'],
    cake2: ['Cake', 'Dough rises twice!'],
    untold: ['Only a title', ''],
  },
  queries: { q1: 'what makes the tide', q2: 'bread', q3: ' ', q4: 'leaked', q5: 'nothing found' },
  qrels: {
    q1: { tide: 2, sun: 1, moon: 0 },
    q2: { bread: 1 },
    q3: { bread: 1 },
    q4: { bread: 1 },
    q5: { cake: 0, gone: 1 },
  },
});
const firstStage = tinyRun({
  q1: ['bread', 'tide2', 'tide', 'cake', 'cake2', 'lost'],
  q2: ['bread', 'cake', 'cake2'],
});
const source: TrainingSource = { collection, firstStage, leaked: new Set(['q4']) };

const ids = ({ documents }: TrainingList): string[] => documents.map(({ docId }) => docId).sort();
const draw = (more: Partial<TrainingSource> = {}, options: DrawOptions = {}) =>
  drawLists({ ...source, ...more }, options);

describe('drawLists', () => {
  it('puts relevant documents among judged and mined ones, without near duplicates of any', () => {
    const { lists } = draw();
    // tide2 has the words of the relevant tide, cake2 those of cake, and the corpus lacks "lost".
    expect(lists.map(ids)).toEqual([
      ['bread', 'cake', 'moon', 'sun', 'tide'],
      ['bread', 'cake'],
    ]);
  });

  it('keeps grades, gives mined documents no gain, and takes scores from the first stage', () => {
    const [list] = draw().lists;
    const byId = new Map(list!.documents.map((each) => [each.docId, each]));
    expect(list).toMatchObject({ set: 'tiny', queryId: 'q1', query: 'what makes the tide' });
    expect(byId.get('tide')).toEqual({
      docId: 'tide',
      text: 'Tides The moon pulls the sea.',
      gain: 2,
      firstStageScore: 8,
    });
    expect(byId.get('moon')).toEqual({ docId: 'moon', text: 'Moon The moon has no sea.', gain: 0 });
    expect(byId.get('cake')).toEqual({
      docId: 'cake',
      text: 'Cake Dough rises twice.',
      firstStageScore: 7,
    });
  });

  it('counts what it leaves out, by the reason', () => {
    expect(draw().report).toEqual({
      set: 'tiny',
      lists: 2,
      leftOut: { leaked: 1, withoutText: 1, withoutRelevant: 1, oneSided: 0 },
      // "lost" of the run and "gone" of the judgements; tide2 and cake2 for q1, cake2 for q2.
      dropped: { unknown: 2, duplicates: 3, answers: 0, teacher: 0 },
    });
  });

  it('leaves out unjudged documents that hold an answer, whole words in any case', () => {
    const answers = new Map([
      ['q1', ['Dough rises TWICE']],
      ['q2', ['twic', 'no such']],
    ]);
    const { lists, report } = draw({ answers });
    expect(lists.map(ids)).toEqual([
      ['bread', 'moon', 'sun', 'tide'],
      ['bread', 'cake'],
    ]);
    expect(report.dropped.answers).toBe(2); // cake and cake2
  });

  it('leaves out unjudged documents that a teacher puts at the lowest relevant one or above', () => {
    const teacher = new Map([
      [
        'q1',
        [
          { docId: 'tide', score: 5 },
          { docId: 'sun', score: 2 },
          { docId: 'moon', score: 9 },
          { docId: 'bread', score: 2 },
          { docId: 'cake', score: 1.9 },
        ],
      ],
    ]);
    const { lists, report } = draw({ teacher });
    // People judged moon, so the teacher has no say.
    expect(lists.map(ids)).toEqual([
      ['cake', 'moon', 'sun', 'tide'],
      ['bread', 'cake'],
    ]);
    expect(report.dropped.teacher).toBe(1);
  });

  it('mines several runs in turns within the places asked, and folds by the groups given', () => {
    const mined = [tinyRun({ q2: ['moon', 'sun', 'tide'] })];
    const groupOf = (docId: string): string => (docId === 'moon' || docId === 'bread' ? 'one' : docId);
    expect(ids(draw({ mined, groupOf }, { rankWindowSize: 3 }).lists[1]!)).toEqual([
      'bread',
      'cake',
      'cake2',
      'sun',
      'tide',
    ]);
    expect(ids(draw({ mined }, { skip: 1, rankWindowSize: 2 }).lists[1]!)).toEqual(['bread', 'cake', 'sun']);
  });

  it('cuts lists: judged irrelevant documents come first, and other relevant ones do not compete', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const [list] = draw({}, { documents: 2, seed }).lists;
      expect([
        ['moon', 'tide'],
        ['moon', 'sun'],
      ]).toContainEqual(ids(list!));
    }
  });

  it('draws the rest from the corpus where asked, never a judged document', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const [, list] = draw({}, { documents: 4, random: 2, seed }).lists;
      expect(list!.documents).toHaveLength(4);
      expect(new Set(ids(list!)).size).toBe(4);
      expect(list!.documents.filter(({ gain }) => gain !== undefined).map(({ docId }) => docId)).toEqual([
        'bread',
      ]);
    }
  });

  it('gives the same lists for one seed, whatever other queries there are, and others for another', () => {
    const shown = (options: DrawOptions, queryIds?: string[]): string[] =>
      drawLists(source, options, queryIds).lists.map(({ documents }) =>
        documents.map(({ docId }) => docId).join(),
      );
    expect(shown({ seed: 3 })).toEqual(shown({ seed: 3 }));
    expect(shown({ seed: 3 }, ['q2'])).toEqual(shown({ seed: 3 }).slice(1));
    const orders = new Set(Array.from({ length: 30 }, (_, seed) => shown({ seed })[0]));
    expect(orders.size).toBeGreaterThan(15);
    // A relevant document stands at each place sooner or later.
    expect(new Set([...orders].map((order) => order!.split(',').indexOf('tide'))).size).toBe(5);
  });

  it('leaves out titles at random, but not from a document that has nothing else', () => {
    const run = tinyRun({ q2: ['untold', 'cake'] });
    const texts = Array.from({ length: 200 }, (_, seed) =>
      draw({ firstStage: run }, { untitled: 0.3, seed }).lists[1]!.documents.map(({ text }) => text),
    ).flat();
    expect(texts.filter((text) => text === 'Only a title')).toHaveLength(200);
    const untitled = texts.filter((text) => text === 'Dough rises.' || text === 'Dough rises twice.').length;
    expect(untitled / 400).toBeGreaterThan(0.22);
    expect(untitled / 400).toBeLessThan(0.38);
  });

  it('reads a run of words of some documents, and draws the same documents as without', () => {
    const textOf = (docId: string): string =>
      Array.from({ length: 60 }, (_, word) => `${docId}-${word}`).join(' ');
    const documents = new Map(
      [...source.collection.documents.keys()].map((docId) => [
        docId,
        { docId, title: '', text: textOf(docId) },
      ]),
    );
    const long = { ...source, collection: { ...source.collection, documents } };
    const drawn = Array.from({ length: 100 }, (_, seed) => {
      const [whole, cut] = [0, 0.5].map((spans) => drawLists(long, { seed, spans }).lists[0]!.documents);
      expect(whole!.every(({ docId, text }) => text === textOf(docId))).toBe(true);
      expect(cut!.map(({ docId }) => docId)).toEqual(whole!.map(({ docId }) => docId));
      return cut!;
    }).flat();
    const spans = drawn.filter(({ docId, text }) => text !== textOf(docId));
    expect(spans.length / drawn.length).toBeGreaterThan(0.4);
    expect(spans.length / drawn.length).toBeLessThan(0.6);
    expect(spans.every(({ docId, text }) => textOf(docId).includes(text))).toBe(true);
    const words = spans.map(({ text }) => text.split(' '));
    expect(Math.min(...words.map(({ length }) => length))).toBe(3);
    expect(Math.max(...words.map(({ length }) => length))).toBe(45);
    expect(new Set(words.map(([first]) => first!.split('-')[1])).size).toBeGreaterThan(40);
  });

  it.each([
    ['no judgements', {}, 'there are none'],
    ['only irrelevant documents', { q1: { moon: 0 } }, '1 have no relevant document in the corpus'],
    [
      'only relevant documents and no runs',
      { q1: { tide: 1 }, q2: { bread: 1 } },
      '2 have nothing to compare with their relevant documents: give irrelevant ones, or candidates to mine from',
    ],
    [
      'nothing that may be learnt from',
      { q3: { bread: 1 }, q4: { bread: 1 } },
      '1 are among those to leave out; 1 have no text',
    ],
  ])('refuses %s', (_name, qrels, found) => {
    const judged = new Map(
      Object.entries(qrels as Record<string, Record<string, number>>).map(([queryId, gains]) => [
        queryId,
        new Map(Object.entries(gains)),
      ]),
    );
    const only = { collection: { ...collection, qrels: judged }, leaked: new Set(['q4']) };
    expect(() => drawLists(only)).toThrow(
      new ConfigurationError('Cannot make training lists of "tiny"', [
        { path: 'qrels.tsv', message: `expected judged queries to learn from; ${found}` },
      ]),
    );
  });

  it('refuses options that no list can follow', () => {
    for (const options of [{ documents: 1 }, { documents: 4, relevant: 4 }, { documents: 4, random: 4 }]) {
      expect(() => draw({}, options)).toThrow(RangeError);
    }
  });
});

describe('developmentLists', () => {
  it('are the first stage as it is, in an order that says nothing', () => {
    const lists = developmentLists({ ...source, firstStage });
    expect(lists.map(({ queryId }) => queryId)).toEqual(['q1', 'q2']);
    expect(
      lists[0]!.documents.map(({ docId, gain, firstStageScore }) => [docId, gain, firstStageScore]),
    ).toEqual([
      ['bread', undefined, 10],
      ['cake', undefined, 7],
      ['cake2', undefined, 6],
      ['tide', 2, 8],
      ['tide2', undefined, 9],
    ]);
  });

  it('leave out queries that measure nothing', () => {
    const one = {
      ...source,
      firstStage: tinyRun({ q1: ['tide'], q4: ['bread', 'cake'], q5: ['cake', 'tide'] }),
    };
    expect(developmentLists({ ...one, collection: { ...collection } }).map(({ queryId }) => queryId)).toEqual(
      ['q5'],
    );
  });
});
