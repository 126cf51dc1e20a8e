/** What training lists are made from: a collection, runs that found documents, and what must stay out. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readText } from '../../decode-text.ts';
import { ConfigurationError, TrecFormatError } from '../../errors.ts';
import type { Collection } from '../../evaluation/collection.ts';
import type { Run } from '../../evaluation/trec.ts';

/** A collection to learn from. */
export interface TrainingSource {
  /** Documents, queries, judgements. */
  readonly collection: Collection;
  /** A lexical first stage's run: its documents compete, and its scores go into the lists. @defaultValue none */
  readonly firstStage?: Run;
  /** More runs whose documents compete, such as the model's own. Their scores are not read. @defaultValue none */
  readonly mined?: readonly Run[];
  /**
   * A teacher's scores of candidates and relevant documents. A document that nobody judged is left out where its score
   * reaches the lowest of the query's relevant ones. @defaultValue none
   */
  readonly teacher?: Run;
  /** Answers by query id: a document that nobody judged is left out where it holds one. @defaultValue none */
  readonly answers?: ReadonlyMap<string, readonly string[]>;
  /** Queries that make no list, such as those that resemble an evaluation's. @defaultValue none */
  readonly leaked?: ReadonlySet<string>;
  /**
   * The same name for documents that count as one: of a group with a relevant document nothing else competes, of another
   * one document does. @defaultValue documents whose words are the same in the same order
   */
  readonly groupOf?: (docId: string) => string;
}

/**
 * Answers by query id from the `answers` of `queries.jsonl`; queries without any are left out.
 *
 * @throws TrecFormatError for answers that are no list of texts.
 */
export async function readAnswers(folder: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const path = join(folder, 'queries.jsonl');
  const lines = (await readText(path)).split('\n');
  const found = new Map<string, readonly string[]>();
  for (const [i, text] of lines.entries()) {
    // `readCollection` says which lines are no JSON.
    if (!text.includes('"answers"')) continue;
    const { _id, answers } = JSON.parse(text) as { readonly _id: string; readonly answers?: unknown };
    if (answers === undefined) continue;
    if (!Array.isArray(answers) || answers.some((each) => typeof each !== 'string')) {
      throw new TrecFormatError({ path, line: i + 1, text, expected: '"answers" as a list of texts' });
    }
    if (answers.length > 0) found.set(_id, answers as string[]);
  }
  return found;
}

const leakColumns = ['train-collection', 'train-query-id'];

/**
 * Training queries that a table lists, by collection: a header row with `train-collection` and `train-query-id`, columns
 * divided by tabs, as in a table of queries that resemble an evaluation's.
 *
 * @throws ConfigurationError when there is no such file. @throws TrecFormatError when a column or a cell is missing.
 */
export async function readLeaks(path: string): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  if (!existsSync(path)) {
    throw new ConfigurationError('Cannot read the queries to leave out', [
      { path, message: 'expected this file' },
    ]);
  }
  const [header = '', ...lines] = (await readText(path)).split(/\r?\n/);
  const [setColumn, queryColumn] = leakColumns.map((name) => header.split('\t').indexOf(name));
  if (setColumn === -1 || queryColumn === -1) {
    throw new TrecFormatError({
      path,
      line: 1,
      text: header,
      expected: `a header row with ${leakColumns.join(' and ')}`,
    });
  }
  const leaked = new Map<string, Set<string>>();
  for (const [i, text] of lines.entries()) {
    if (text.trim() === '') continue;
    const cells = text.split('\t');
    const [set, queryId] = [cells[setColumn!], cells[queryColumn!]];
    if (!set || !queryId) {
      throw new TrecFormatError({ path, line: i + 2, text, expected: 'a collection and a query' });
    }
    leaked.set(set, (leaked.get(set) ?? new Set()).add(queryId));
  }
  return leaked;
}

/** Lists that come with their queries, `lists.tsv`, as a run to mine from: the order says nothing. @throws TrecFormatError */
export async function readLists(folder: string): Promise<Run> {
  const path = join(folder, 'lists.tsv');
  const run = new Map<string, { docId: string; score: number }[]>();
  const lines = (await readText(path)).split(/\r?\n/);
  for (const [i, text] of lines.entries()) {
    if (i === 0 || text.trim() === '') continue;
    const [queryId, docId] = text.split('\t');
    if (!queryId || !docId) {
      throw new TrecFormatError({ path, line: i + 1, text, expected: 'a query and a document' });
    }
    const entries = run.get(queryId) ?? [];
    entries.push({ docId, score: 0 });
    run.set(queryId, entries);
  }
  return run;
}
