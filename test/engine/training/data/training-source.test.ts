import { existsSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { TrecFormatError } from '../../../../engine/errors.ts';
import { readCollection } from '../../../../engine/evaluation/collection.ts';
import { drawLists } from '../../../../engine/training/data/training-lists.ts';
import { readAnswers, readLeaks, readLists } from '../../../../engine/training/data/training-source.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-source-'));
});
const write = async (name: string, ...lines: readonly string[]): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, lines.join('\n'));
  return path;
};

describe('readLeaks', () => {
  it('reads the queries of each collection, whatever other columns there are', async () => {
    const path = await write(
      'leaks.tsv',
      'kind\ttrain-collection\ttrain-query-id',
      'near\ta\tq1',
      'same\tb\tq2',
      '',
    );
    const leaked = await readLeaks(path);
    expect([...leaked].map(([set, queryIds]) => [set, ...queryIds])).toEqual([
      ['a', 'q1'],
      ['b', 'q2'],
    ]);
  });

  it('names a missing file, a missing column, a missing cell', async () => {
    await expect(readLeaks(join(folder, 'no.tsv'))).rejects.toMatchObject({ code: 'configuration' });
    const headless = await write('headless.tsv', 'a\tq1');
    await expect(readLeaks(headless)).rejects.toMatchObject({ code: 'trec-format', line: 1 });
    const short = await write('short.tsv', 'train-collection\ttrain-query-id', 'a\tq1', 'a');
    await expect(readLeaks(short)).rejects.toMatchObject({ code: 'trec-format', line: 3, text: 'a' });
  });
});

describe('readAnswers', () => {
  it('reads lists of texts, and refuses others', async () => {
    await write(
      'queries.jsonl',
      '{"_id":"1","text":"a","answers":["x","y"]}',
      '{"_id":"2","text":"\\"answers\\""}',
    );
    expect(await readAnswers(folder)).toEqual(new Map([['1', ['x', 'y']]]));
    await write('queries.jsonl', '{"_id":"1","text":"a","answers":"x"}');
    await expect(readAnswers(folder)).rejects.toBeInstanceOf(TrecFormatError);
  });
});

describe('readLists', () => {
  it('reads the documents of each query, and names a line without one', async () => {
    await write('lists.tsv', 'query-id\tcorpus-id', 'q1\ta', 'q1\tb', 'q2\ta');
    const lists = await readLists(folder);
    expect([...lists].map(([id, entries]) => [id, ...entries.map(({ docId }) => docId)])).toEqual([
      ['q1', 'a', 'b'],
      ['q2', 'a'],
    ]);
    await write('lists.tsv', 'query-id\tcorpus-id', 'q1');
    await expect(readLists(folder)).rejects.toMatchObject({ code: 'trec-format', line: 2 });
  });
});

const data = fileURLToPath(new URL('../../../../../shared/data', import.meta.url));
const hasData = existsSync(data);
if (!hasData)
  console.log('skipped: training lists of real sets, for the collections are not beside the repository');

describe.skipIf(!hasData)('training sources beside the repository', () => {
  it('have lists of ten, four of fewer, with two relevant documents each', async () => {
    const path = join(data, 'train-hotpot-lists');
    const collection = await readCollection(path);
    const { lists, report } = drawLists({ collection, mined: [await readLists(path)] });
    expect(report).toMatchObject({ lists: 1072, leftOut: { oneSided: 0 } });
    for (const { documents } of lists) expect(documents.filter(({ gain }) => gain === 1)).toHaveLength(2);
    const lengths = lists.map(({ documents }) => documents.length);
    expect(Math.max(...lengths)).toBe(10);
    expect(lengths.reduce((sum, n) => sum + n, 0) + report.dropped.duplicates).toBe(10_703);
  });

  it('have answers, and queries to leave out as the table of leaks counts them', async () => {
    expect((await readAnswers(join(data, 'train-google-questions'))).size).toBeGreaterThan(1000);
    const leaked = await readLeaks(join(data, 'leaks.tsv'));
    const sets = ['train-scifact', 'train-nfcorpus', 'train-msrd', 'train-medquad'];
    const counts = sets.map((set) => leaked.get(set)?.size);
    expect(counts).toEqual([102, 27, 258, 2]);
  });
});
