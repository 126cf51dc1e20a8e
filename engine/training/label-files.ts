/** Reads who judged what how: judgements of several annotators or signals, in the forms that they come in. */
import { basename } from 'node:path';
import { readText } from '../decode-text.ts';
import { ConfigurationError, TrecFormatError } from '../errors.ts';
import { judgementLines } from '../evaluation/trec.ts';

/** One label's judgement of one document for one query, and where it stands. */
export interface LabelJudgement {
  /** Name of the annotator or signal. */
  readonly label: string;
  /** Query id. */
  readonly queryId: string;
  /** Document id. */
  readonly docId: string;
  /** What was said: a grade, or a count. Finite. */
  readonly grade: number;
  /** How often it could have been said, at least 1 and at least the grade: the label is the share `grade / total`. */
  readonly total?: number;
  /** The file. */
  readonly path: string;
  /** 1-based line number. */
  readonly line: number;
  /** The line itself. */
  readonly text: string;
}

/** A file of judgements. */
export interface LabelSource {
  /** The file. */
  readonly path: string;
  /** Name of the label in a file of one. @defaultValue the file's name without its ending, and without `qrels.` before it */
  readonly label?: string;
  /** Columns of a table with a column a label. @defaultValue none: the table has a line a judgement */
  readonly columns?: readonly string[];
  /** Column of a table with {@link columns} that says how often each could have been said, e.g. votes or impressions. */
  readonly total?: string;
}

/**
 * Reads a file of judgements. Three forms are told apart by the first line:
 *
 * - a table with the header `query-id`, `corpus-id`, a name such as `rater`, `score`: a line a judgement, its third column
 *   names the label;
 * - a table with a header and the {@link LabelSource.columns}: a line a document, a column a label; an empty cell is not
 *   judged;
 * - judgements of one label, as qrels are written.
 *
 * @throws TrecFormatError naming the line that is none. @throws ConfigurationError when a column is missing or nothing is
 * judged.
 */
export async function readLabels(source: LabelSource): Promise<LabelJudgement[]> {
  const text = await readText(source.path);
  const judgements = [...parseLabels(text, source)];
  if (judgements.length > 0) return judgements;
  throw wrong(source.path, 1, 'expected judgements, and no line has one');
}

function parseLabels(text: string, source: LabelSource): Iterable<LabelJudgement> {
  const header = headerOf(text);
  if (source.columns !== undefined) return wideRows(text, header, source);
  if (header.length === 4 && !runColumns.has(header[2]!.toLowerCase())) return longRows(text, source.path);
  return labelRows(text, source);
}

/** Third columns of tables that are runs. */
const runColumns: ReadonlySet<string> = new Set(['rank', 'q0']);

const columnsOf = (line: string): string[] => line.split('\t').map((column) => column.trim());

/** Names of the columns; none where the first line is no header. */
function headerOf(text: string): string[] {
  const first = columnsOf(text.slice(0, (text.indexOf('\n') + 1 || text.length + 1) - 1));
  return /^(query[-_]?id|qid)$/i.test(first[0]!) ? first : [];
}

function* labelRows(text: string, { path, label = labelOf(path) }: LabelSource): Generator<LabelJudgement> {
  for (const { queryId, docId, relevance, line, raw } of judgementLines(text, path)) {
    yield { label, queryId, docId, grade: relevance, path, line, text: raw };
  }
}

function labelOf(path: string): string {
  return basename(path)
    .replace(/\.\w+$/, '')
    .replace(/^qrels\.(?=.)/, '');
}

function* longRows(text: string, path: string): Generator<LabelJudgement> {
  for (const { cells, line, raw } of tableRows(text)) {
    const [queryId, docId, label, value] = cells;
    const grade = numberOf(value);
    if (cells.length !== 4 || !queryId || !docId || !label || !Number.isFinite(grade)) {
      const expected = 'query, document, label and a finite number, with tabs between them';
      throw new TrecFormatError({ path, line, text: raw, expected });
    }
    yield { label, queryId, docId, grade, path, line, text: raw };
  }
}

function* wideRows(
  text: string,
  header: readonly string[],
  { path, columns = [], total }: LabelSource,
): Generator<LabelJudgement> {
  const needed = total === undefined ? columns : [...columns, total];
  const lacking = needed.filter((name) => !header.includes(name));
  if (lacking.length > 0) {
    const found = header.length === 0 ? 'no header' : header.join(', ');
    throw wrong(path, 1, `expected the columns ${lacking.join(', ')}, found ${found}`);
  }
  for (const { cells, line, raw } of tableRows(text)) {
    const [queryId = '', docId = ''] = cells;
    const shares = total === undefined ? {} : { total: numberOf(cells[header.indexOf(total)]) };
    for (const label of columns) {
      const value = cells[header.indexOf(label)];
      if (value === '') continue;
      const judgement = { label, queryId, docId, grade: numberOf(value), ...shares };
      assertWideRow(judgement, { path, line, text: raw });
      yield { ...judgement, path, line, text: raw };
    }
  }
}

function assertWideRow(
  {
    queryId,
    docId,
    label,
    grade,
    total,
  }: Pick<LabelJudgement, 'queryId' | 'docId' | 'label' | 'grade' | 'total'>,
  place: { readonly path: string; readonly line: number; readonly text: string },
): void {
  if (!queryId || !docId || !Number.isFinite(grade)) {
    const expected = `query, document and a finite number under "${label}", with tabs between them`;
    throw new TrecFormatError({ ...place, expected });
  }
  if (total !== undefined && !(total > 0 && grade >= 0 && grade <= total)) {
    const expected = `under "${label}" a number from 0 to the total, which is more than 0`;
    throw new TrecFormatError({ ...place, expected });
  }
}

const numberOf = (text: string | undefined): number => Number(text || Number.NaN);

/** Lines behind the header that hold something. */
function* tableRows(text: string): Generator<{ cells: string[]; line: number; raw: string }> {
  for (const [i, raw] of text.split(/\r?\n/).entries()) {
    if (i > 0 && raw.trim() !== '') yield { cells: columnsOf(raw), line: i + 1, raw };
  }
}

function wrong(path: string, line: number, message: string): ConfigurationError {
  return new ConfigurationError('Cannot use the labels', [{ path: `"${path}", line ${line}`, message }]);
}
