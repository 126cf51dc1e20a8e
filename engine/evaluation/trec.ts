/** Judgements and runs as TREC's tools write them, and as tables with a header row. */
import { readText } from '../decode-text.ts';
import { TrecFormatError } from '../errors.ts';

/** Graded judgements: query id, then document id, to relevance. A pair that is not named is not judged. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** A document's entry in a run. */
export interface RunEntry {
  /** Document id. */
  readonly docId: string;
  /** The system's score; higher is better. */
  readonly score: number;
}

/** A system's rankings: query id to documents, best first, each document once. */
export type Run = ReadonlyMap<string, readonly RunEntry[]>;

/** Reads judgements: `query 0 document relevance`, or a table `query-id corpus-id score` with a header row. */
export async function readQrels(path: string): Promise<Qrels> {
  return parseQrels(await readText(path), path);
}

/**
 * Parses judgements. Columns are divided by tabs, so that ids may hold blanks, or by blanks. A judgement may come
 * twice, if both say the same.
 *
 * @throws TrecFormatError naming the line that cannot be read, or that contradicts an earlier one.
 */
export function parseQrels(text: string, path: string): Qrels {
  const qrels = new Map<string, Map<string, number>>();
  for (const { queryId, docId, relevance, line, raw } of judgementLines(text, path)) {
    const judged = qrels.get(queryId) ?? new Map<string, number>();
    const before = judged.get(docId) ?? relevance;
    if (before !== relevance) {
      const expected = `one judgement of document "${docId}" for query "${queryId}", and an earlier line says ${before}`;
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    qrels.set(queryId, judged.set(docId, relevance));
  }
  return qrels;
}

/** A line of judgements. */
export interface JudgementLine {
  /** Query id. */
  readonly queryId: string;
  /** Document id. */
  readonly docId: string;
  /** Its grade, a whole number. */
  readonly relevance: number;
  /** 1-based line number. */
  readonly line: number;
  /** The line itself. */
  readonly raw: string;
}

/** Judgements line by line, as {@link parseQrels} reads them. @throws TrecFormatError naming the line that is none. */
export function* judgementLines(text: string, path: string): Generator<JudgementLine> {
  for (const { table, trec, line, raw } of rows(text)) {
    const [queryId, docId, value] = table(3) ?? trec(4)?.toSpliced(1, 1) ?? [];
    const relevance = Number(value);
    if (!queryId || !docId || !value || !Number.isInteger(relevance)) {
      const expected =
        '"query 0 document relevance" or "query document relevance", with tabs between them where an id holds blanks';
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    yield { queryId, docId, relevance, line, raw };
  }
}

/** Judgements in TREC's form; with tabs in the lines whose ids hold blanks. @throws RangeError for an id with a tab or line end. */
export function printQrels(qrels: Qrels): string {
  return [...qrels]
    .flatMap(([queryId, judged]) =>
      [...judged].map(([docId, relevance]) => toLine([queryId, '0', docId, String(relevance)])),
    )
    .join('');
}

/** Judgements as a table with a header row. @throws RangeError for an id with a tab or line end. */
export function printQrelsTable(qrels: Qrels): string {
  const lines = [...qrels].flatMap(([queryId, judged]) =>
    [...judged].map(([docId, relevance]) => toLine([queryId, docId, String(relevance)], '\t')),
  );
  return `query-id\tcorpus-id\tscore\n${lines.join('')}`;
}

/** Reads a run: `query Q0 document rank score tag`, or a table `query-id corpus-id rank score` with a header row. */
export async function readRun(path: string): Promise<Run> {
  return parseRun(await readText(path), path);
}

/**
 * Parses a run, best first: by score, as trec_eval does; ranks and the order of the lines do not count. Documents of
 * equal score keep the order of their lines, which is more exact than scores that were rounded when they were written.
 *
 * @throws TrecFormatError naming the line that cannot be read, or that names a document again.
 */
export function parseRun(text: string, path: string): Run {
  const run = new Map<string, Map<string, number>>();
  for (const row of rows(text)) {
    const { line, raw } = row;
    const [queryId, docId, value] = runColumns(row);
    const score = Number(value);
    if (!queryId || !docId || !value || !Number.isFinite(score)) {
      const expected =
        '"query Q0 document rank score tag" or "query document rank score", with tabs between them where an id holds blanks';
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    const scores = run.get(queryId) ?? new Map<string, number>();
    if (scores.has(docId)) {
      const expected = `each document once, and "${docId}" is there before for query "${queryId}"; keep the best of them`;
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    run.set(queryId, scores.set(docId, score));
  }
  return new Map([...run].map(([queryId, scores]) => [queryId, bestFirst(scores)]));
}

/**
 * A run in TREC's form; with tabs in the lines whose ids hold blanks. Scores are strictly descending, so that every tool
 * reads the same order. @throws RangeError for an id with a tab or line end.
 */
export function printRun(run: Run, tag: string): string {
  return [...run]
    .flatMap(([queryId, entries]) =>
      entries.map(({ docId }, i) =>
        toLine([queryId, 'Q0', docId, String(i + 1), String(entries.length - i), tag]),
      ),
    )
    .join('');
}

function runColumns({ table, trec }: Row): readonly (string | undefined)[] {
  const four = table(4);
  if (four) return [four[0], four[1], four[3]];
  const six = trec(6);
  return six ? [six[0], six[2], six[4]] : [];
}

function bestFirst(scores: ReadonlyMap<string, number>): RunEntry[] {
  return [...scores].map(([docId, score]) => ({ docId, score })).sort((a, b) => b.score - a.score);
}

/** @param separator - What stands between columns. @defaultValue a blank, a tab where a column holds blanks */
function toLine(columns: readonly string[], separator?: '\t'): string {
  const torn = columns.find((column) => column === '' || /[\t\r\n]/.test(column));
  if (torn !== undefined) {
    throw new RangeError(`toLine: expected ids without tabs and line ends, got ${JSON.stringify(torn)}.`);
  }
  const between = separator ?? (columns.some((column) => /\s/.test(column)) ? '\t' : ' ');
  return `${columns.join(between)}\n`;
}

interface Row {
  /**
   * The given number of columns of a table's line, the last a number: between tabs where the line has some, else
   * between blanks.
   */
  readonly table: (count: number) => readonly string[] | undefined;
  /**
   * The given number of columns of a TREC line, between tabs or blanks. The second has no meaning: a number, or `Q0`.
   */
  readonly trec: (count: number) => readonly string[] | undefined;
  /** Number of the line, 1-based. */
  readonly line: number;
  readonly raw: string;
}

const isNumber = (text: string | undefined): boolean => Number.isFinite(Number(text || Number.NaN));
const isIteration = (text: string | undefined): boolean => /^(q?\d+)$/i.test(text ?? '');

/** The lines that are not empty, without a header row. */
function* rows(text: string): Generator<Row> {
  let line = 0;
  for (const raw of text.split(/\r?\n/)) {
    line += 1;
    if (raw.trim() === '') continue;
    const byBlanks = raw.trim().split(/\s+/);
    const byTabs = raw.includes('\t') ? raw.split('\t').map((column) => column.trim()) : byBlanks;
    if (line === 1 && /^(query[-_]?id|qid)$/i.test(byBlanks[0]!)) continue;
    yield {
      line,
      raw,
      table: (count) => (byTabs.length === count && isNumber(byTabs.at(-1)) ? byTabs : undefined),
      trec: (count) =>
        [byTabs, byBlanks].find((columns) => columns.length === count && isIteration(columns[1])),
    };
  }
}
