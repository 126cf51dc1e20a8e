import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ConfigurationError } from '../../../engine/errors.ts';
import { readCollection } from '../../../engine/evaluation/collection.ts';

let folder = '';
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A collection of two documents and a query, in files of these lines. */
async function collectionOf(documents: readonly object[], queries: readonly object[]): Promise<string> {
  folder = await mkdtemp(join(tmpdir(), 'collection-'));
  const lines = (entries: readonly object[]): string =>
    entries.map((entry) => JSON.stringify(entry)).join('\n');
  await writeFile(join(folder, 'corpus.jsonl'), lines(documents));
  await writeFile(join(folder, 'queries.jsonl'), lines(queries));
  await writeFile(join(folder, 'qrels.tsv'), 'query-id\tcorpus-id\tscore\nq\td\t1\n');
  return folder;
}

describe('readCollection', () => {
  it.each([
    ['documents', [{ _id: 'd', contents: 'stars' }], [{ _id: 'q', text: 'stars' }], 'corpus.jsonl'],
    ['queries', [{ _id: 'd', text: 'stars' }], [{ _id: 'q', query: 'stars' }], 'queries.jsonl'],
  ])('refuses %s of which none has text, and names the file', async (_what, documents, queries, path) => {
    const error = await readCollection(await collectionOf(documents, queries)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ConfigurationError);
    expect((error as ConfigurationError).issues).toMatchObject([{ path }]);
  });

  it('takes documents without text among others, and names for texts', async () => {
    const documents = [{ _id: 'd', title: 'stars' }, { _id: 'e' }];
    const { documents: read } = await readCollection(
      await collectionOf(documents, [{ _id: 'q', text: 'stars' }]),
    );
    expect([...read.values()]).toEqual([
      { docId: 'd', title: 'stars', text: '' },
      { docId: 'e', title: '', text: '' },
    ]);
  });
});
