/** Judgements and runs as TREC's tools write them, and as tables with a header row. */
import { readFile } from 'node:fs/promises';
import { TrecFormatError } from '../errors.ts';

/** Graded judgements: query id, then document id, to relevance. Not named: not judged. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** A document's entry in a run. */
export interface RunEntry {
  /** Document id. */
  readonly docId: string;
  /** What the system gave it; higher is better. */
  readonly score: number;
}

/** A system's rankings: query id to documents, in the file's order. */
export type Run = ReadonlyMap<string, readonly RunEntry[]>;

/** Reads judgements: `query 0 document relevance`, or a table `query-id corpus-id score` with a header row. */
export async function readQrels(path: string): Promise<Qrels> {
  return parseQrels(await readFile(path, 'utf8'), path);
}

/** Parses judgements. @throws TrecFormatError naming the line that is none. */
export function parseQrels(text: string, path: string): Qrels {
  const qrels = new Map<string, Map<string, number>>();
  for (const { columns, line, raw } of rows(text)) {
    const [queryId, second, third, fourth] = columns;
    const [docId, value] = columns.length === 3 ? [second, third] : [third, fourth];
    const relevance = Number(value);
    if (!queryId || !docId || value === undefined || !Number.isInteger(relevance)) {
      const expected = '"query 0 document relevance" or "query document relevance"';
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    const judged = qrels.get(queryId) ?? new Map<string, number>();
    qrels.set(queryId, judged.set(docId, relevance));
  }
  return qrels;
}

/** Judgements in TREC's form. */
export function printQrels(qrels: Qrels): string {
  return [...qrels]
    .flatMap(([queryId, judged]) =>
      [...judged].map(([docId, relevance]) => `${queryId} 0 ${docId} ${relevance}\n`),
    )
    .join('');
}

/** Reads a run: `query Q0 document rank score tag`, or a table `query-id corpus-id rank score` with a header row. */
export async function readRun(path: string): Promise<Run> {
  return parseRun(await readFile(path, 'utf8'), path);
}

/** Parses a run. @throws TrecFormatError naming the line that is none. */
export function parseRun(text: string, path: string): Run {
  const run = new Map<string, RunEntry[]>();
  for (const { columns, line, raw } of rows(text)) {
    const isTrec = columns.length === 6;
    const [queryId, docId, value] = isTrec
      ? [columns[0], columns[2], columns[4]]
      : [columns[0], columns[1], columns[3]];
    const score = Number(value);
    if (!queryId || !docId || value === undefined || !Number.isFinite(score)) {
      const expected = '"query Q0 document rank score tag" or "query document rank score"';
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    const entries = run.get(queryId) ?? [];
    entries.push({ docId, score });
    run.set(queryId, entries);
  }
  return run;
}

/** A run in TREC's form. Scores are strictly descending, so that every tool reads the same order. */
export function printRun(run: Run, tag: string): string {
  return [...run]
    .flatMap(([queryId, entries]) =>
      entries.map(({ docId }, i) => `${queryId} Q0 ${docId} ${i + 1} ${entries.length - i} ${tag}\n`),
    )
    .join('');
}

interface Row {
  readonly columns: readonly string[];
  /** 1-based. */
  readonly line: number;
  readonly raw: string;
}

/** Lines that hold something; a header row (its last column is no number) is left out. */
function* rows(text: string): Generator<Row> {
  let line = 0;
  for (const raw of text.split(/\r?\n/)) {
    line += 1;
    if (raw.trim() === '') continue;
    const columns = raw.trim().split(/\s+/);
    const isHeader = line === 1 && /^(query[-_]?id|qid)$/i.test(columns[0] ?? '');
    if (!isHeader) yield { columns, line, raw };
  }
}
