/** Runs `blockrank evaluate`: measures how good each order is on judged collections. */
import { join } from 'node:path';
import {
  ConfigurationError,
  modelFamily,
  openReranker,
  type Reranker,
  type RerankerOptions,
} from '../../../engine/index.ts';
import {
  type Collection,
  evaluateCollection,
  type Measure,
  precedentQueryIds,
  readCollection,
} from '../../../engine/laboratory.ts';
import type { FormSettings } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { modelSettings } from '../model-options.ts';
import { type Asked, type EvaluateOptions, readAsked } from './evaluate-asked.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import {
  type Comparing,
  type Comparison,
  compareBudgets,
  compareForms,
  compareSystems,
  compareVariety,
} from './evaluate-comparisons.ts';
import { type Evaluated, report, toText } from './evaluate-report.ts';
import { memoryForStates } from './evaluate-states.ts';
import { judgedQueries } from './judged-queries.ts';
import { stateCache } from './state-cache.ts';

/** Measures, prints and writes. @throws ConfigurationError listing every option that cannot be. */
export async function evaluate(context: CliContext, options: EvaluateOptions): Promise<void> {
  const asked = await readAsked(options);
  const { measures } = asked;
  const { compare, close } = await comparing(context, asked, options);
  try {
    const results: Evaluated[] = [];
    for (const data of options.data)
      results.push(await evaluateFolder(context, data, options, { measures, ...compare() }));
    await report(context, results, options, measures[0]!.name);
  } finally {
    await close();
  }
}

/** Opens what is compared. */
async function comparing(
  context: CliContext,
  { names, codecs, budgets, lambdas, profile }: Asked,
  options: EvaluateOptions,
): Promise<Comparing> {
  const model = modelSettings(options);
  if (codecs.length > 0) {
    const stateCacheBytes = memoryForStates();
    return compareForms(codecs, await openReranker({ ...model, warmUp: false, stateCacheBytes }));
  }
  const isTimed = budgets.length > 0;
  // Each reranker closes its own.
  const cache = (): Pick<RerankerOptions, 'stateSource' | 'stateCodec'> =>
    profile === 'cacheable' ? stateCache(context, options.cache) : {};
  const open = (form: FormSettings): Promise<Reranker> => {
    // Documents are dropped of lists that are cold, and their reading stops or runs out of time.
    const isCold = isTimed || form.dropping !== undefined || form.stopping !== undefined;
    return openReranker({
      ...model,
      ...form,
      // Only a list whose time is measured must not pay for the first run.
      warmUp: isTimed,
      ...(isCold ? { stateCacheBytes: 0 } : cache()),
    });
  };
  if (isTimed) return compareBudgets(names, budgets, open);
  return lambdas.length > 0 ? compareVariety(names, lambdas, open) : compareSystems(names, open);
}

async function evaluateFolder(
  context: CliContext,
  folder: string,
  options: EvaluateOptions,
  { measures, systems, sizes, uses, distances }: Comparison & { readonly measures: readonly Measure[] },
): Promise<Evaluated> {
  const collection = limited(await readCollection(folder), options.limit);
  assertJudged(folder, collection);
  if (options.model !== undefined) await warnOfSeen(context, options.model, collection);
  const bar = context.progress(collection.name, collection.qrels.size);
  try {
    const { run: candidates, firstStage } = await candidatesOf(options.candidates, folder, collection);
    const result = await evaluateCollection({
      collection,
      candidates,
      firstStage,
      systems,
      baseline: Object.keys(systems)[0]!,
      measures,
      rankWindowSize: options.window,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
    const evaluated = {
      ...result,
      ...(sizes && { sizes: sizes() }),
      ...(uses && { uses: uses() }),
      ...(distances && { distances: distances() }),
    };
    if (options.json !== true) context.print(toText(evaluated, measures[0]!.name));
    return evaluated;
  } finally {
    bar.stop();
  }
}

/** Says that the model holds the very judgements that it is measured by. */
async function warnOfSeen(context: CliContext, model: string, { name, qrels }: Collection): Promise<void> {
  if ((await modelFamily(model)) !== 'encoder') return;
  const seen = await precedentQueryIds(model);
  const count = [...qrels.keys()].filter((queryId) => seen.has(queryId)).length;
  if (count === 0) return;
  context.note(
    `${name}: ${count} of ${qrels.size} queries have names of queries whose judgements the model was fitted to: if they are ` +
      'the same, the figures say nothing of others; "blockrank train --cross-validate 5" measures those.',
  );
}

function limited(collection: Collection, limit: number | undefined): Collection {
  if (limit === undefined) return collection;
  return { ...collection, qrels: new Map([...collection.qrels].slice(0, limit)) };
}

/** @throws ConfigurationError when no document is judged relevant: every measure would be 0 over no query. */
function assertJudged(folder: string, collection: Collection): void {
  if (judgedQueries(collection).length > 0) return;
  const message = `expected a query of queries.jsonl with a relevant document in "${join(folder, 'qrels.tsv')}"`;
  throw new ConfigurationError('Cannot evaluate', [{ path: 'data', message }]);
}
