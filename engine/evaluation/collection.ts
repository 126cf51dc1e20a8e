/** A test collection in a folder: documents, queries, judgements, first-stage runs. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { readText } from '../decode-text.ts';
import { ConfigurationError, type ConfigurationIssue, TrecFormatError } from '../errors.ts';
import { type Qrels, type Run, readQrels, readRun } from './trec.ts';

/** A document. */
export interface CollectionDocument {
  /** Document id. */
  readonly docId: string;
  /** Its name; may be empty. */
  readonly title: string;
  /** What it says; may be empty. */
  readonly text: string;
}

/** A collection in the layout that BEIR made common. */
export interface Collection {
  /** Name of the folder. */
  readonly name: string;
  /** Documents by id. */
  readonly documents: ReadonlyMap<string, CollectionDocument>;
  /** Query texts by id. */
  readonly queries: ReadonlyMap<string, string>;
  /** `qrels.tsv`. */
  readonly qrels: Qrels;
  /** The judgements that give the ideal order: `qrels-full.tsv` where the folder has one. */
  readonly idealQrels: Qrels;
}

/**
 * Reads a folder with `corpus.jsonl`, `queries.jsonl` and `qrels.tsv`.
 *
 * @throws ConfigurationError naming the files that are missing, that hold no text, or whose ids are not those of the
 * judgements: every measure would be 0. @throws TrecFormatError for a line that cannot be read.
 */
export async function readCollection(folder: string): Promise<Collection> {
  const path = resolve(folder);
  const missing = ['corpus.jsonl', 'queries.jsonl', 'qrels.tsv'].filter(
    (file) => !existsSync(join(path, file)),
  );
  if (missing.length > 0) {
    const issues = missing.map((file) => ({ path: file, message: `expected this file in "${path}"` }));
    throw new ConfigurationError('Cannot read the collection', issues);
  }
  const corpus = await readLines(join(path, 'corpus.jsonl'));
  const queries = await readLines(join(path, 'queries.jsonl'));
  assertTexts({ 'corpus.jsonl': corpus, 'queries.jsonl': queries }, path);
  const qrels = await readQrels(join(path, 'qrels.tsv'));
  assertSameIds(path, qrels, {
    documents: new Set(corpus.map(({ _id }) => _id)),
    queries: new Set(queries.map(({ _id }) => _id)),
  });
  const full = join(path, 'qrels-full.tsv');
  return {
    name: basename(path),
    documents: new Map(
      corpus.map(({ _id: docId, title = '', text = '' }) => [docId, { docId, title, text }]),
    ),
    queries: new Map(queries.map(({ _id, text = '' }) => [_id, text])),
    qrels,
    idealQrels: existsSync(full) ? await readQrels(full) : qrels,
  };
}

/** Throws for a file in which no line has text: its documents or queries would be evaluated as empty ones. */
function assertTexts(files: Readonly<Record<string, readonly JsonLine[]>>, folder: string): void {
  const empty = Object.entries(files).filter(
    ([, lines]) =>
      lines.length > 0 && lines.every(({ title = '', text = '' }) => `${title}${text}`.trim() === ''),
  );
  if (empty.length === 0) return;
  const issues = empty.map(([path]) => ({
    path,
    message: `expected text under "text" (a document's also under "title") in "${folder}", and no line has any`,
  }));
  throw new ConfigurationError('Cannot read the collection', issues);
}

function assertSameIds(
  folder: string,
  qrels: Qrels,
  known: { readonly documents: ReadonlySet<string>; readonly queries: ReadonlySet<string> },
): void {
  const judged = [...qrels.values()].flatMap((documents) => [...documents.keys()]);
  const issues = [
    ...strangers('documents', judged, known.documents, 'corpus.jsonl'),
    ...strangers('queries', [...qrels.keys()], known.queries, 'queries.jsonl'),
  ];
  if (issues.length > 0) throw new ConfigurationError(`Cannot read the collection "${folder}"`, issues);
}

function strangers(
  what: string,
  ids: readonly string[],
  known: ReadonlySet<string>,
  file: string,
): ConfigurationIssue[] {
  if (ids.length === 0 || ids.some((id) => known.has(id))) return [];
  const message = `none of its ${what} is in ${file}: it has ids such as "${ids[0]}", the other such as "${[...known][0]}"`;
  return [{ path: 'qrels.tsv', message }];
}

/**
 * A first-stage run of a collection: `candidates-NAME.tsv`. @throws ConfigurationError when the file does not exist.
 */
export async function readCandidates(folder: string, name: string): Promise<Run> {
  const path = join(resolve(folder), `candidates-${name}.tsv`);
  if (existsSync(path)) return readRun(path);
  const message = `expected "${path}"; use "embedded" to search the corpus here, or "judged" for the judged documents`;
  throw new ConfigurationError('Cannot read candidates', [{ path: 'candidates', message }]);
}

/** The text of a document that the model reads: title and text, joined by a space. */
export function documentText({ title, text }: CollectionDocument): string {
  return [title, text].filter((part) => part !== '').join(' ');
}

interface JsonLine {
  readonly _id: string;
  readonly title?: string;
  readonly text?: string;
}

async function readLines(path: string): Promise<JsonLine[]> {
  const lines = (await readText(path)).split('\n');
  const seen = new Set<string>();
  return lines.flatMap((text, i) => {
    if (text.trim() === '') return [];
    const parsed = parseLine(text);
    if (typeof parsed?._id !== 'string') {
      throw new TrecFormatError({ path, line: i + 1, text, expected: 'a JSON object with a string "_id"' });
    }
    if (seen.has(parsed._id)) {
      throw new TrecFormatError({ path, line: i + 1, text, expected: 'an "_id" that no line before has' });
    }
    seen.add(parsed._id);
    return [parsed];
  });
}

function parseLine(text: string): JsonLine | undefined {
  try {
    return JSON.parse(text) as JsonLine;
  } catch {
    return undefined; // reported with its line by the caller
  }
}
