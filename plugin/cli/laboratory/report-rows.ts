/** Texts whose embeddings are measured, each with its loss and its source. */
import { readFile } from 'node:fs/promises';
import { ConfigurationError, TrecFormatError } from '../../../engine/index.ts';
import {
  type Collection,
  documentText,
  evaluateRun,
  heldOutBigramLosses,
  parseMeasure,
  readCollection,
  readRun,
  seededRandom,
  shuffled,
} from '../../../engine/laboratory.ts';

/** Options that say what the rows are. */
export interface ReportRowOptions {
  readonly data: readonly string[];
  readonly of: 'documents' | 'queries';
  readonly losses?: string;
  readonly run?: string;
  readonly sources?: string;
  readonly rows: number;
}

/** A text. */
export interface ReportRow {
  readonly id: string;
  readonly text: string;
  readonly loss: number;
  readonly source: string;
}

/** Rows drawn at random, at most as many as asked for. @throws ConfigurationError */
export async function reportRows(options: ReportRowOptions): Promise<readonly ReportRow[]> {
  const { data, of, losses, run, sources } = options;
  if (run !== undefined && (of !== 'queries' || data.length > 1 || losses !== undefined)) {
    throw problem(
      'run',
      'tells how hard queries of one collection are: give --of queries, one --data, and no --losses',
    );
  }
  const collections = await Promise.all(data.map(readCollection));
  const texts = collections.flatMap((collection) =>
    textsOf(collection, of).map(([id, text]) => ({ id, text, source: collection.name })),
  );
  const lossOf = run === undefined ? await tableOf(losses, 'losses') : await runLosses(collections[0]!, run);
  const sourceOf = await tableOf(sources, 'sources');
  const usable = texts.filter(({ id }) => (!lossOf || lossOf.has(id)) && (!sourceOf || sourceOf.has(id)));
  if (usable.length === 0)
    throw problem('data', `no ${of} of the collections have text, a loss and a source`);
  const drawn = shuffled(usable, seededRandom(1)).slice(0, options.rows);
  const own = lossOf ? undefined : heldOutBigramLosses(drawn.map(({ text }) => text));
  return drawn.map(({ id, text, source }, i) => ({
    id,
    text,
    loss: own ? own[i]! : toLoss(lossOf!.get(id)!, { id, path: losses ?? '' }),
    source: sourceOf?.get(id) ?? source,
  }));
}

function textsOf(
  { documents, queries }: Collection,
  of: ReportRowOptions['of'],
): (readonly [string, string])[] {
  const all =
    of === 'queries'
      ? [...queries]
      : [...documents.values()].map((document) => [document.docId, documentText(document)] as const);
  return all.filter(([, text]) => text.trim() !== '');
}

async function runLosses(
  { qrels, idealQrels }: Collection,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const each = evaluateRun(await readRun(path), { qrels, idealQrels }, parseMeasure('nDCG@10'));
  return new Map([...each].map(([queryId, value]) => [queryId, String(1 - value)]));
}

/** Second column by the first, of a file with tabs between them; a header row is a row that no id asks for. */
async function tableOf(
  path: string | undefined,
  option: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw problem(option, `cannot read "${path}"`, cause);
  });
  const rows = text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const [id, value] = line.trimEnd().split('\t');
    if (id && value) return [[id, value] as const];
    throw new TrecFormatError({ path, line: i + 1, text: line, expected: 'an id, a tab, and a value' });
  });
  return new Map(rows);
}

function toLoss(value: string, { id, path }: { readonly id: string; readonly path: string }): number {
  const loss = Number(value);
  if (Number.isFinite(loss)) return loss;
  throw problem('losses', `expected a number for "${id}" in "${path}", got ${JSON.stringify(value)}`);
}

const problem = (path: string, message: string, cause?: unknown): ConfigurationError =>
  new ConfigurationError('Cannot report on embeddings', [{ path, message }], { cause });
