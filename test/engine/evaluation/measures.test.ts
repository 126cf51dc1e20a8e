import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrecFormatError } from '../../../engine/index.ts';
import {
  confidenceInterval,
  evaluateRun,
  lengthBias,
  mean,
  pairedTTest,
  parseMeasure,
  parseQrels,
  parseRun,
  printQrels,
  printRun,
  randomisationTest,
  readCandidates,
  readCollection,
  toChart,
} from '../../../engine/laboratory.ts';

const qrels = parseQrels('q1 0 a 2\nq1 0 b 0\nq1 0 c 1\nq2 0 a 1\nq3 0 a 0\n', 'qrels');
const run = parseRun('q1 Q0 b 1 3 t\nq1 Q0 a 2 2 t\nq1 Q0 x 3 1 t\nq1 Q0 c 4 .5 t\n', 'run');
const measured = (name: string, of = run): Record<string, number> =>
  Object.fromEntries(evaluateRun(of, { qrels }, parseMeasure(name)));

describe('evaluateRun', () => {
  it('computes the measures worked by hand', () => {
    const ideal = 2 + 1 / Math.log2(3);
    expect(measured('nDCG@10')['q1']).toBeCloseTo((2 / Math.log2(3) + 1 / Math.log2(5)) / ideal, 12);
    expect(measured('nDCG@2')['q1']).toBeCloseTo(2 / Math.log2(3) / ideal, 12);
    expect(measured('RR@10')['q1']).toBe(1 / 2);
    expect(measured('RR@1')['q1']).toBe(0);
    expect(measured('AP')['q1']).toBe((1 / 2 + 2 / 4) / 2);
    expect(measured('P@2')['q1']).toBe(1 / 2);
    expect(measured('P@10')['q1']).toBe(2 / 10);
    expect(measured('R@2')['q1']).toBe(1 / 2);
  });

  it('counts 0 for a judged query without an answer and leaves out queries without a relevant document', () => {
    expect(measured('nDCG@10')['q2']).toBe(0);
    expect(Object.keys(measured('nDCG@10'))).toEqual(['q1', 'q2']);
  });

  it('breaks equal scores by document id, descending, whatever the ranks in the file say', () => {
    const tied = parseRun('q1 Q0 a 1 1 t\nq1 Q0 b 2 1 t\n', 'run');
    expect(measured('RR@10', tied)['q1']).toBe(1 / 2); // b, then a
  });

  it('takes the ideal order from the full judgements', () => {
    const full = parseQrels('q1 0 a 2\nq1 0 c 1\nq1 0 z 3\n', 'full');
    const value = evaluateRun(run, { qrels, idealQrels: full }, parseMeasure('nDCG@10')).get('q1');
    const ideal = 3 + 2 / Math.log2(3) + 1 / Math.log2(4);
    expect(value).toBeCloseTo((2 / Math.log2(3) + 1 / Math.log2(5)) / ideal, 12);
  });

  it('refuses names of measures that it does not know', () => {
    for (const name of ['ndcg@10', 'P', 'nDCG@0', 'foo@3', ''])
      expect(() => parseMeasure(name)).toThrow(RangeError);
  });
});

describe('trec files', () => {
  it('name the line that is none', () => {
    expect(() => parseQrels('q1 0 a 1\nq1 0 b\n', 'x.qrels')).toThrow(TrecFormatError);
    expect(() => parseQrels('q1 0 a one\n', 'x.qrels')).toThrow(/x\.qrels", line 1.*q1 0 a one/);
    expect(() => parseRun('q1 Q0 a 1 high t\n', 'x.run')).toThrow(/x\.run", line 1/);
  });

  it('read tables with a header row as they read TREC files', () => {
    expect(parseQrels('query-id\tcorpus-id\tscore\nq1\ta\t2\n', 'x')).toEqual(parseQrels('q1 0 a 2\n', 'x'));
    expect(parseRun('query-id\tcorpus-id\trank\tscore\nq1\ta\t1\t2.5\n', 'x').get('q1')).toEqual([
      { docId: 'a', score: 2.5 },
    ]);
  });

  it('may hold blanks in their ids, where tabs divide the columns', () => {
    const table = 'query-id\tcorpus-id\tscore\nq 1\tdoc 1\t1\nq 1\tdoc 2\t0\n';
    const expected = new Map([['q 1', new Map(Object.entries({ 'doc 1': 1, 'doc 2': 0 }))]]);
    expect(parseQrels(table, 'x')).toEqual(expected);
    expect(parseQrels('q 1\t0\tdoc 1\t1\nq 1\t0\tdoc 2\t0', 'x')).toEqual(expected);
    const ranked = new Map([['q 1', [{ docId: 'doc 1', score: 2 }]]]);
    expect(parseRun('q 1\tdoc 1\t1\t2\n', 'x')).toEqual(ranked);
    expect(parseRun('q 1\tQ0\tdoc 1\t1\t2\tmy tag\n', 'x')).toEqual(ranked);
    expect(parseRun('q1\tQ0 d1\t1 2 tag\n', 'x')).toEqual(new Map([['q1', [{ docId: 'd1', score: 2 }]]]));
  });

  it.each([
    ['q1 0 doc 1 1', 'a qrels line with blanks in an id'],
    ['q1 doc 1 1', 'a table line with blanks in an id'],
    ['q1\tdoc 1', 'a table line without a relevance'],
    ['q1\tdoc 1\t', 'an empty relevance'],
    ['q1 d', 'two columns'],
    ['q1 0 d 1 x y', 'six columns'],
  ])('refuse "%s": %s', (line) => {
    expect(() => parseQrels(`q0 0 d 1\n${line}\n`, 'x')).toThrow(/"x", line 2/);
  });

  it.each([
    ['q1 Q0 doc 1 1 2 tag', 'a run line with blanks in an id'],
    ['q1 doc 1 1 2 x', 'six columns that are none of TREC'],
    ['q1\tdoc 1\t2', 'a table line without a rank'],
    ['q1 d 1', 'three columns'],
  ])('refuse "%s": %s in a run', (line) => {
    expect(() => parseRun(`q0 Q0 d 1 2 tag\n${line}\n`, 'x')).toThrow(/"x", line 2/);
  });

  it('name a document once for a query, as trec_eval asks', () => {
    const twice = 'q1 Q0 d 1 3 t\nq2 Q0 d 1 3 t\nq1 Q0 d 2 2 t\n';
    expect(() => parseRun(twice, 'x')).toThrow(
      /"x", line 3: expected each document once, and "d" is there before/,
    );
    const entries = [
      { docId: 'a', score: 2 },
      { docId: 'a', score: 1 },
    ];
    expect(() => measured('nDCG@10', new Map([['q1', entries]]))).toThrow(RangeError);
  });

  it('take a judgement that is there twice, and no two that contradict each other', () => {
    expect(parseQrels('q 0 d 1\nq 0 d 1\n', 'x')).toEqual(parseQrels('q 0 d 1\n', 'x'));
    expect(() => parseQrels('q 0 d 1\nq 0 d 2\n', 'x')).toThrow(
      /"x", line 2: expected one judgement .* says 1/,
    );
  });

  it('order a run by its scores, equal scores by their lines, whatever its ranks say', () => {
    const lines = 'q Q0 low 1 1 t\nq Q0 high 9 3 t\nq Q0 mid 2 2 t\nq Q0 other 3 2 t\n';
    expect(
      parseRun(lines, 'x')
        .get('q')!
        .map(({ docId }) => docId),
    ).toEqual(['high', 'mid', 'other', 'low']);
  });

  it('hold no id with a tab or a line end', () => {
    for (const docId of ['a\tb', 'a\nb', '']) {
      expect(() => printRun(new Map([['q', [{ docId, score: 1 }]]]), 't')).toThrow(RangeError);
      expect(() => printQrels(new Map([['q', new Map([[docId, 1]])]]))).toThrow(RangeError);
    }
  });

  it('read back what they print, for any ids', () => {
    const id = fc
      .stringMatching(/^[!-~]([ -~]{0,6}[!-~])?$/)
      .filter((text) => !/^(query[-_]?id|qid)\b/i.test(text));
    const table = fc.dictionary(id, fc.dictionary(id, fc.integer({ min: -2, max: 4 }), { minKeys: 1 }));
    fc.assert(
      fc.property(table, (judgements) => {
        const made = new Map(
          Object.entries(judgements).map(([q, docs]) => [q, new Map(Object.entries(docs))]),
        );
        expect(parseQrels(printQrels(made), 'x')).toEqual(made);
        const order = new Map(
          [...made].map(([q, docs]) => [q, [...docs.keys()].map((docId) => ({ docId, score: 0 }))]),
        );
        const back = parseRun(printRun(order, 'tag'), 'x');
        for (const [q, docs] of order)
          expect(back.get(q)!.map(({ docId }) => docId)).toEqual(docs.map((d) => d.docId));
      }),
    );
  });
});

describe('significance', () => {
  it('gives the textbook interval and p-value', () => {
    // Differences 1..5: mean 3, standard error sqrt(2.5/5); t = 4.2426 with 4 degrees of freedom, p = .01324.
    expect(pairedTTest([1, 2, 3, 4, 5])).toBeCloseTo(0.013236, 5);
    const { low, high } = confidenceInterval([1, 2, 3, 4, 5]);
    expect([low, high].map((v) => v.toFixed(4))).toEqual(['1.0368', '4.9632']);
  });

  it('finds nothing in differences that are all zero, or that are symmetric', () => {
    expect(pairedTTest([0, 0, 0])).toBe(1);
    expect(randomisationTest([0, 0, 0])).toBe(1);
    expect(randomisationTest([1, -1, 2, -2])).toBeGreaterThan(0.9);
  });

  it('agrees with all sign assignments counted out', () => {
    // Of 2^6 assignments of six equal differences, 2 are as large: p = 1/32.
    expect(randomisationTest([1, 1, 1, 1, 1, 1], { rounds: 50_000 })).toBeCloseTo(1 / 32, 2);
  });
});

const data = fileURLToPath(new URL('../../../../shared/data', import.meta.url));
const hasData = existsSync(data);
if (!hasData)
  console.log('skipped: recorded BM25 figures, for the collections are not beside the repository');

describe.skipIf(!hasData)('recorded figures', () => {
  it.each([
    ['trec-dl19', 0.5058, 43],
    ['scifact', 0.6789, 300],
    ['nfcorpus', 0.3218, 323],
  ])('are met for BM25 on %s: nDCG@10 %f over %i queries', async (name, expected, queries) => {
    const folder = join(data, name);
    // The tables' scores are rounded, so that equal ones are not always ties: their ranks are the published order.
    const published = parseRun(printRun(await readCandidates(folder, 'bm25'), 'bm25'), name);
    const values = evaluateRun(published, await readCollection(folder), parseMeasure('nDCG@10'));
    expect(values.size).toBe(queries);
    expect(mean(values.values()).toFixed(4)).toBe(expected.toFixed(4));
  });
});

describe('toChart', () => {
  it('draws a bar and an error bar for every system', async () => {
    const measuredSystem = { mean: 0.5, low: 0.4, high: 0.6, perQuery: new Map() };
    const byMeasure = new Map([['nDCG@10', measuredSystem]]);
    const result = {
      dataset: 'tiny',
      n: 1,
      runs: new Map(),
      lengthBias: { systems: {}, relevant: 1 },
      measured: new Map([
        ['first-stage', byMeasure],
        ['default', byMeasure],
      ]),
    };
    const svg = await toChart([result], 'nDCG@10');
    expect(svg).toMatch(/^<svg/);
    expect(svg).toContain('first-stage');
    expect(svg).toContain('nDCG@10');
  });
});

describe('lengthBias', () => {
  const text = (length: number): string => 'x'.repeat(length);
  const documents = new Map(
    [10, 20, 30, 40].map((length, i) => [`d${i}`, { docId: `d${i}`, title: '', text: text(length) }]),
  );
  const ranked = (...docIds: readonly string[]) =>
    new Map([['q', docIds.map((docId, i) => ({ docId, score: 10 - i }))]]);
  const judged = new Map([['q', new Map([['d1', 1]])]]);

  it('is the length of what comes first over that of the list, beside the relevant documents', () => {
    const runs = new Map([
      ['long', ranked('d3', 'd2', 'd1', 'd0')],
      ['short', ranked('d0', 'd1', 'd2', 'd3')],
    ]);
    const bias = lengthBias(runs, { documents, qrels: judged }, 2);
    expect(bias).toEqual({ systems: { long: 35 / 25, short: 15 / 25 }, relevant: 20 / 25 });
  });

  it('leaves out lists with nothing relevant', () => {
    const runs = new Map([['long', ranked('d3', 'd2')]]);
    expect(lengthBias(runs, { documents, qrels: judged })).toEqual({ systems: { long: 0 }, relevant: 0 });
  });
});
