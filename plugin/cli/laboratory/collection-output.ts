/** Writing a part of a collection in the layout that `readCollection` reads. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Collection, printQrelsTable } from '../../../engine/laboratory.ts';

/** What of the collection is written, and how it was chosen. */
export interface CollectionPart {
  /** Documents; the collection's order stays. */
  readonly docIds: ReadonlySet<string>;
  /** Goes into `curation.json`. */
  readonly report: object;
}

/** Writes a new folder: the documents named, the collection's judgements, and the queries that those are of. */
export async function writeCollection(
  folder: string,
  { documents, queries, qrels }: Collection,
  { docIds, report }: CollectionPart,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const kept = [...documents.values()].filter(({ docId }) => docIds.has(docId));
  const asked = [...queries].filter(([queryId]) => qrels.has(queryId));
  const files = {
    'corpus.jsonl': toLines(kept.map(({ docId, title, text }) => ({ _id: docId, title, text }))),
    'queries.jsonl': toLines(asked.map(([_id, text]) => ({ _id, text }))),
    'qrels.tsv': printQrelsTable(qrels),
    'curation.json': `${JSON.stringify(report, undefined, 2)}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

const toLines = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');
