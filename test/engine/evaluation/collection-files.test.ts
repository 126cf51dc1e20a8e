import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readCollection } from '../../../engine/laboratory.ts';
import { candidatesOf } from '../../../plugin/cli/laboratory/evaluate-candidates.ts';

const files = {
  'corpus.jsonl': '{"_id":"ä 1","text":"Plants make food."}\n{"_id":"d2","text":"The market fell."}\n',
  'queries.jsonl': '{"_id":"q1","text":"food"}\n',
  'qrels.tsv': 'query-id\tcorpus-id\tscore\nq1\tä 1\t1\n',
  'candidates-x.tsv': 'query-id\tcorpus-id\trank\tscore\nq1\tä 1\t1\t2\n',
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'blockrank-collection-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Writes a collection, some of its files otherwise. */
function write(changes: Partial<typeof files> = {}, toBytes: (text: string) => Buffer = Buffer.from): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, ...changes })) {
    writeFileSync(join(folder, name), toBytes(text));
  }
}

describe('the files of a collection', () => {
  it.each<[string, (text: string) => Buffer]>([
    ['UTF-8', (text) => Buffer.from(text)],
    ['UTF-8 with a byte order mark', (text) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16, little-endian', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16, big-endian', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
    ['UTF-8 with the line ends of Windows', (text) => Buffer.from(text.replaceAll('\n', '\r\n'))],
  ])('reads each file in %s', async (_name, toBytes) => {
    write({}, toBytes);
    const collection = await readCollection(folder);
    expect(collection.documents.get('ä 1')).toMatchObject({ text: 'Plants make food.' });
    expect(collection.queries.get('q1')).toBe('food');
    expect(collection.qrels.get('q1')).toEqual(new Map([['ä 1', 1]]));
    const { run } = await candidatesOf('x', folder, collection);
    expect(run.get('q1')).toEqual([{ docId: 'ä 1', score: 2 }]);
  });

  it('refuses bytes of another encoding by file and line', async () => {
    write({}, (text) => Buffer.from(text, 'latin1'));
    await expect(readCollection(folder)).rejects.toThrow(/corpus.jsonl": expected UTF-8.*line 1 /);
  });

  it('refuses an id that is there twice', async () => {
    write({ 'queries.jsonl': `${files['queries.jsonl']}\n${files['queries.jsonl']}` });
    await expect(readCollection(folder)).rejects.toMatchObject({ code: 'trec-format', line: 3 });
  });

  it('refuses judgements of other ids than those of corpus and queries: every measure would be 0', async () => {
    write({ 'qrels.tsv': 'q1\tD9\t1\n' });
    await expect(readCollection(folder)).rejects.toThrow(
      'qrels.tsv: none of its documents is in corpus.jsonl: it has ids such as "D9", the other such as "ä 1"',
    );
    write({ 'qrels.tsv': 'Q9\td2\t1\n' });
    await expect(readCollection(folder)).rejects.toThrow(/none of its queries is in queries.jsonl/);
  });

  it('takes judgements of which some are of documents that it lacks', async () => {
    write({ 'qrels.tsv': 'q1\tD9\t1\nq1\td2\t1\n' });
    expect((await readCollection(folder)).qrels.get('q1')?.size).toBe(2);
  });

  it.each(['Q9\td2\t1\t2\n', 'q1\tD9\t1\t2\n', ''])(
    'takes no candidates of another collection: "%s"',
    async (text) => {
      write({ 'candidates-x.tsv': text });
      const collection = await readCollection(folder);
      await expect(candidatesOf('x', folder, collection)).rejects.toThrow(
        /candidates: expected judged queries with documents of corpus.jsonl in candidates-x.tsv/,
      );
    },
  );
});
