/** Writes a small judged collection, in the layout of `blockrank evaluate`. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the files hold, line by line. */
export interface CollectionLines {
  /** Lines of `corpus.jsonl`: `_id`, `text`, and a `title` where there is one. */
  readonly documents: readonly object[];
  /** Lines of `queries.jsonl`: `_id` and `text`. */
  readonly queries: readonly object[];
  /** Lines of `qrels.tsv`: query, document, grade. */
  readonly judgements: readonly (readonly [query: string, document: string, grade: number])[];
}

/** Writes the files. @param folder - Made where it is not there. */
export async function writeCollection(
  folder: string,
  { documents, queries, judgements }: CollectionLines,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join('');
  await writeFile(join(folder, 'corpus.jsonl'), lines(documents));
  await writeFile(join(folder, 'queries.jsonl'), lines(queries));
  const judged = judgements.map((line) => `${line.join('\t')}\n`).join('');
  await writeFile(join(folder, 'qrels.tsv'), `query-id\tcorpus-id\tscore\n${judged}`);
}
