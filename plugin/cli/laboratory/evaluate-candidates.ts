/** The first stages that an evaluation can start from. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildEmbeddedIndex } from '../../../adapters/embedded/index.ts';
import { ConfigurationError, decodeText, type FirstStage } from '../../../engine/index.ts';
import { type Collection, type Run, readCandidates } from '../../../engine/laboratory.ts';

/** A first stage's run and how it found its candidates. */
export interface Candidates {
  readonly run: Run;
  readonly firstStage: FirstStage;
}

/**
 * Candidates by name: `judged` takes each query's judged documents, `lists` those of `lists.tsv`, in an order that says
 * nothing about them;
 * `embedded` searches the corpus with the embedded BM25; any other name reads `candidates-NAME.tsv`.
 *
 * @throws ConfigurationError when the file does not exist, or holds nothing of the collection.
 */
export async function candidatesOf(
  name: string,
  folder: string,
  collection: Collection,
): Promise<Candidates> {
  if (name === 'judged') return { run: judged(collection), firstStage: 'unknown' };
  if (name === 'lists') return { run: await listed(folder, collection), firstStage: 'unknown' };
  if (name === 'embedded') return { run: await embedded(collection), firstStage: 'lexical' };
  const run = await readCandidates(folder, name);
  assertSameIds(name, run, collection);
  return {
    run,
    firstStage: name.startsWith('bm25') ? 'lexical' : 'unknown',
  };
}

function assertSameIds(
  name: string,
  run: Run,
  { documents, qrels }: Pick<Collection, 'documents' | 'qrels'>,
): void {
  const isOfCollection = [...run].some(
    ([queryId, entries]) => qrels.has(queryId) && entries.some(({ docId }) => documents.has(docId)),
  );
  if (isOfCollection) return;
  const [queryId, entries] = [...run][0] ?? [];
  const found =
    queryId === undefined ? 'nothing' : `query "${queryId}" with document "${entries?.[0]?.docId}"`;
  const message = `expected judged queries with documents of corpus.jsonl in ${name === 'lists' ? 'lists.tsv' : `candidates-${name}.tsv`}, found ${found}`;
  throw new ConfigurationError('Cannot read candidates', [{ path: 'candidates', message }]);
}

/** Candidates of a query that the embedded index finds. */
const rankWindowSize = 100;

async function embedded({ documents, queries, qrels }: Collection): Promise<Run> {
  const index = await buildEmbeddedIndex({ documents: [...documents.values()] });
  return new Map(
    [...qrels.keys()].flatMap((queryId) => {
      const { matches } = index.search(queries.get(queryId) ?? '', rankWindowSize);
      const entries = matches.map(({ document, score }) => ({ docId: document.docId, score }));
      return entries.length > 0 ? [[queryId, entries] as const] : [];
    }),
  );
}

/** Each judged query's judged documents. */
function judged({ qrels, documents }: Collection): Run {
  return inNoOrder(
    new Map([...qrels].map(([queryId, judgements]) => [queryId, [...judgements.keys()]])),
    documents,
  );
}

/** The documents of `lists.tsv`: query id, document id, after a header. @throws ConfigurationError when it cannot be read. */
async function listed(folder: string, { documents, qrels }: Collection): Promise<Run> {
  const path = join(folder, 'lists.tsv');
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const message = `cannot read "${path}": ${cause.code ?? cause.message}`;
    throw new ConfigurationError('Cannot read candidates', [{ path: 'candidates', message }]);
  });
  const lists = new Map<string, string[]>();
  for (const line of decodeText(bytes, `"${path}"`).split(/\r?\n/).slice(1)) {
    const [queryId, docId] = line.split('\t');
    if (!queryId || !docId || !qrels.has(queryId)) continue;
    lists.set(queryId, [...(lists.get(queryId) ?? []), docId]);
  }
  const run = inNoOrder(lists, documents);
  assertSameIds('lists', run, { documents, qrels });
  return run;
}

/**
 * Orders documents by a digest of query and document: the order of judgements or lists could give away their relevance.
 */
function inNoOrder(lists: ReadonlyMap<string, readonly string[]>, documents: Collection['documents']): Run {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
  return new Map(
    [...lists].map(([queryId, docIds]) => {
      const known = docIds.filter((docId) => documents.has(docId));
      const ordered = known.map((docId) => ({ docId, key: digest(`${queryId}/${docId}`) }));
      ordered.sort((a, b) => (a.key < b.key ? -1 : 1));
      return [queryId, ordered.map(({ docId }, i) => ({ docId, score: ordered.length - i }))];
    }),
  );
}
