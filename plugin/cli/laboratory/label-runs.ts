/** Runs that `blockrank labels` measures by each label, and a fusion of them fitted by each aggregation. */
import { basename } from 'node:path';
import { ConfigurationError, openReranker } from '../../../engine/index.ts';
import {
  type Aggregation,
  aggregations,
  aucPerQuery,
  type Collection,
  evaluateCollection,
  type FusionList,
  fitFusion,
  fuse,
  type LabelBalance,
  type LabelledPair,
  type LabelTable,
  mean,
  type Run,
  readRun,
  type SystemName,
  systemNames,
  systemsOver,
  toBalance,
  toQrels,
  worseThanLoss,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { modelSettings } from '../model-options.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import type { LabelsOptions } from './labels-options.ts';
import { modelStateCache } from './state-cache.ts';

/** Runs of files by name. @throws ConfigurationError for a run of other queries than the labels'. */
export async function fileRuns(files: readonly string[], table: LabelTable): Promise<Map<string, Run>> {
  const queryIds = new Set(table.pairs.map(({ queryId }) => queryId));
  const runs = new Map<string, Run>();
  for (const file of files) {
    const run = await readRun(file);
    if (![...run.keys()].some((queryId) => queryIds.has(queryId))) {
      const message = `expected queries that the labels judge in "${file}", found ${[...run.keys()][0] ?? 'none'}, where they have ${[...queryIds][0]}`;
      throw new ConfigurationError('Cannot use the labels', [{ path: 'run', message }]);
    }
    runs.set(nameFor(file, runs), run);
  }
  return runs;
}

/** The file's name, or its path where another has that name. */
function nameFor(file: string, runs: ReadonlyMap<string, Run>): string {
  const name = basename(file).replace(/\.\w+$/, '');
  return runs.has(name) ? file : name;
}

/** Names of orders. @throws ConfigurationError listing those that are none. */
export function knownSystems(list: string): SystemName[] {
  const names = list.split(',').map((name) => name.trim());
  const wrong = names.filter((name) => !systemNames.some((known) => known === name));
  if (wrong.length === 0) return names as SystemName[];
  const message = `expected ${systemNames.join(', ')}, got ${wrong.map((name) => JSON.stringify(name)).join(', ')}`;
  throw new ConfigurationError('Cannot use the labels', [{ path: 'rerankers', message }]);
}

/** Runs of the project's own orders over the judged queries. */
export async function rerankerRuns(
  context: CliContext,
  collection: Collection,
  { names, options }: { readonly names: readonly SystemName[]; readonly options: LabelsOptions },
): Promise<ReadonlyMap<string, Run>> {
  const { run: candidates, firstStage } = await candidatesOf(
    options.candidates,
    options.data ?? '',
    collection,
  );
  const reranker = await openReranker({
    warmUp: false,
    ...modelSettings(options),
    ...(await modelStateCache(context, options)),
  });
  const bar = context.progress(collection.name, collection.qrels.size);
  try {
    const all = systemsOver(reranker);
    const systems = Object.fromEntries(
      names.map((name) => {
        const system = all[name];
        if (system) return [name, system];
        const message = `${name} reads states that only encoders of the profile cacheable keep; leave it out`;
        throw new ConfigurationError('Cannot use the labels', [{ path: 'rerankers', message }]);
      }),
    );
    const { runs } = await evaluateCollection({
      collection,
      candidates,
      firstStage,
      systems,
      baseline: names[0]!,
      measures: [],
      rankWindowSize: options.window,
      onProgress: (done) => bar.update(done),
      signal: context.signal,
    });
    return runs;
  } finally {
    bar.stop();
    await reranker.close();
  }
}

/** A fusion of runs, fitted by each aggregation. */
export interface FittedLabels {
  /** How each fit serves the labels on queries that it did not see; AUC, mean over queries. */
  readonly balances: Readonly<Record<Aggregation, LabelBalance>>;
  /** Aggregations whose least served label is served worse than that of `loss`. */
  readonly worseThanLoss: readonly Aggregation[];
  /** Queries that were held out in turn. */
  readonly queries: number;
}

/**
 * Fits a linear fusion of places in the runs by each aggregation and measures it on held-out queries.
 *
 * @returns `undefined` where there are fewer queries than folds.
 */
export function fitByAggregation(
  runs: ReadonlyMap<string, Run>,
  table: LabelTable,
  options: { readonly folds: number; readonly weights: readonly number[]; readonly usesGrades: boolean },
): FittedLabels | undefined {
  const { folds, ...fit } = options;
  const lists = [...listsOf(runs, table)];
  if (lists.length < folds) return undefined;
  const entries = aggregations.map((aggregation) => {
    const run = new Map<string, { docId: string; score: number }[]>();
    for (let fold = 0; fold < folds; fold += 1) {
      const seen = lists.filter((_, i) => i % folds !== fold);
      const weights = fitFusion(
        seen.map(([, list]) => list),
        { aggregation, ...fit },
      );
      for (const [queryId, { features, pairs }] of lists.filter((_, i) => i % folds === fold)) {
        const scores = fuse(features, weights);
        run.set(
          queryId,
          pairs.map(({ docId }, i) => ({ docId, score: scores[i]! })),
        );
      }
    }
    const each = table.labels.map((name, k) => {
      const relevance = table.pairs.map((pair) => pair.relevance[k]!);
      return [name, mean(aucPerQuery(run, toQrels(table, relevance)).values())] as const;
    });
    return [aggregation, toBalance(each)] as const;
  });
  const balances = Object.fromEntries(entries) as Record<Aggregation, LabelBalance>;
  return { balances, worseThanLoss: worseThanLoss(balances), queries: lists.length };
}

/** Candidates of each judged query; a feature is the place in one run, from 1 for the first to 0 for those that it lacks. */
function listsOf(runs: ReadonlyMap<string, Run>, { pairs }: LabelTable): Map<string, FusionList> {
  const byQuery = new Map<string, LabelledPair[]>();
  for (const pair of pairs) {
    const own = byQuery.get(pair.queryId);
    if (own) own.push(pair);
    else byQuery.set(pair.queryId, [pair]);
  }
  return new Map(
    [...byQuery].map(([queryId, own]) => {
      const places = [...runs.values()].map((run) => {
        const entries = run.get(queryId) ?? [];
        return new Map(entries.map(({ docId }, i) => [docId, 1 - i / entries.length]));
      });
      const features = own.map(({ docId }) => places.map((place) => place.get(docId) ?? 0));
      return [queryId, { features, pairs: own }] as const;
    }),
  );
}
