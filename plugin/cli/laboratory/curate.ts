/** What `blockrank curate` does: embeds, chooses, writes. */
import { existsSync } from 'node:fs';
import { ConfigurationError, type Embeddings, openEmbedder } from '../../../engine/index.ts';
import {
  type Collection,
  type Curation,
  curate,
  documentText,
  pairRows,
  type Qrels,
  readCollection,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import type { ModelFlags } from '../model-options.ts';
import { writeCollection } from './collection-output.ts';

/** Values of the options. */
export interface CurateOptions extends Pick<ModelFlags, 'model'> {
  readonly data: string;
  readonly output: string;
  readonly count: number;
  readonly of: 'queries' | 'documents' | 'judgements';
  readonly cosine: number;
  readonly wholeCorpus?: true;
  readonly json?: true;
}

/** What there is to choose from. */
interface Choice {
  readonly embeddings: Embeddings;
  /** Judgements that stay when these are chosen, and the documents where those are what is chosen. */
  keep(chosen: readonly number[]): { readonly qrels: Qrels; readonly docIds?: ReadonlySet<string> };
}

/** Writes the part. @throws ConfigurationError for options that cannot be, or a collection with nothing to choose from. */
export async function curateCollection(context: CliContext, options: CurateOptions): Promise<void> {
  const { data, output, count, of, cosine, wholeCorpus = false } = options;
  if (!(cosine > 0 && cosine <= 1))
    throw problem('cosine', `expected a number above 0 and up to 1, got ${cosine}`);
  if (existsSync(output)) throw problem('output', `"${output}" exists; name a new folder`);
  const collection = await readCollection(data);
  const { embeddings, keep } = await choiceOf(context, collection, options);
  const curation = curate(embeddings, { count, cosine });
  const { qrels, docIds } = keep(curation.kept);
  const judged = new Set([...qrels.values()].flatMap((each) => [...each.keys()]));
  const kept = wholeCorpus ? new Set(collection.documents.keys()) : (docIds ?? judged);
  const report = { data, of, cosine, ...countsOf(curation), judgements: sizeOf(qrels), documents: kept.size };
  await writeCollection(output, { ...collection, qrels }, { docIds: kept, report });
  if (options.json) return context.printJson(report);
  context.print(
    `${report.rows} ${of}: ${report.folded} near-duplicates folded, ${report.kept} of the others kept; all in a cluster are within ${report.epsilon.toFixed(3)}.\nWrote ${output}: ${report.documents} documents, ${qrels.size} queries, ${report.judgements} judgements.`,
  );
}

async function choiceOf(
  { signal }: CliContext,
  collection: Collection,
  { of, model }: CurateOptions,
): Promise<Choice> {
  const embedder = await openEmbedder({ model });
  const embed = (texts: readonly string[]): Promise<Embeddings> => embedder.embed(texts, { signal });
  const { documents, queries, qrels } = collection;
  const textOf = (docId: string): string => documentText(documents.get(docId)!);
  if (of === 'documents') {
    const docIds = filled(of, [...documents.keys()]);
    return {
      embeddings: await embed(docIds.map(textOf)),
      keep(chosen) {
        const kept = new Set(chosen.map((i) => docIds[i]!));
        return { qrels: narrowed(qrels, (_, docId) => kept.has(docId)), docIds: kept };
      },
    };
  }
  const known = narrowed(qrels, (queryId, docId) => queries.has(queryId) && documents.has(docId));
  if (of === 'queries') {
    const queryIds = filled(of, [...known.keys()]);
    return {
      embeddings: await embed(queryIds.map((queryId) => queries.get(queryId)!)),
      keep(chosen) {
        const kept = new Set(chosen.map((i) => queryIds[i]!));
        return { qrels: narrowed(known, (queryId) => kept.has(queryId)) };
      },
    };
  }
  const pairs = filled(
    of,
    [...known].flatMap(([queryId, judged]) => [...judged.keys()].map((docId) => [queryId, docId] as const)),
  );
  const embeddings = pairRows(
    await embed(pairs.map(([queryId]) => queries.get(queryId)!)),
    await embed(pairs.map(([, docId]) => textOf(docId))),
  );
  return {
    embeddings,
    keep(chosen) {
      const kept = new Set(chosen.map((i) => JSON.stringify(pairs[i])));
      return { qrels: narrowed(known, (...pair) => kept.has(JSON.stringify(pair))) };
    },
  };
}

/** Judgements that are wanted; queries without any are left out. */
function narrowed(qrels: Qrels, isKept: (queryId: string, docId: string) => boolean): Qrels {
  return new Map(
    [...qrels]
      .map(
        ([queryId, judged]) =>
          [queryId, new Map([...judged].filter(([docId]) => isKept(queryId, docId)))] as const,
      )
      .filter(([, judged]) => judged.size > 0),
  );
}

function filled<T>(of: string, values: readonly T[]): readonly T[] {
  if (values.length > 0) return values;
  const where =
    of === 'documents' ? 'corpus.jsonl is empty' : 'qrels.tsv judges no query and document of the collection';
  throw problem('data', `there are no ${of} to choose from: ${where}`);
}

function countsOf({ kept, standing, epsilon }: Curation) {
  return {
    rows: standing.length,
    folded: standing.filter((row, i) => row !== i).length,
    kept: kept.length,
    epsilon,
  };
}

const sizeOf = (qrels: Qrels): number => [...qrels.values()].reduce((sum, { size }) => sum + size, 0);

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot curate the collection', [{ path, message }]);
