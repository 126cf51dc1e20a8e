/** Runs `blockrank cost`. */
import { writeFile } from 'node:fs/promises';
import { ConfigurationError, type Reranker } from '../../../engine/index.ts';
import {
  aligned,
  type Collection,
  type CostPoint,
  choosePoint,
  layerProducts,
  measureReranker,
  type PlacedPoint,
  paretoChart,
  parseMeasure,
  placePoints,
  readCollection,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { type MeasuringFlags, routerMeasure } from '../router/measure.ts';
import { chosenConfiguration } from './cost-configuration.ts';
import { openCostRerankers } from './cost-rerankers.ts';
import { candidatesOf } from './evaluate-candidates.ts';
import { judgedQueries } from './judged-queries.ts';

/** Values of the options of `cost`. */
export interface CostFlags extends MeasuringFlags {
  readonly data: string;
  readonly candidates: string;
  readonly window: number;
  readonly limit?: number;
  readonly costs: 'cold' | 'warm';
  readonly budget?: number;
  readonly chart?: string;
}

/** Measures, prints, and draws. @throws ConfigurationError for options or data that cannot be. */
export async function runCost(context: CliContext, flags: CostFlags): Promise<void> {
  const { data, budget, chart } = flags;
  const collection = await readCollection(data);
  const queryIds = judgedQueries(collection).slice(0, flags.limit);
  if (queryIds.length === 0) throw problem('data', `no query of "${data}" has a relevant document`);
  const points = placePoints(await measured(context, flags, { collection, queryIds }));
  const chosen = choosePoint(points, budget);
  if (chart !== undefined) await writeFile(chart, await paretoChart(points, routerMeasure));
  if (flags.json) {
    context.printJson({
      queries: queryIds.length,
      points: points.map(({ values: _, ...point }) => point),
      chosen: chosen?.name ?? null,
    });
    return;
  }
  context.print(
    [
      `${queryIds.length} queries, lists of ${flags.window}, ${flags.costs} states`,
      ...table(points),
      ...advice(chosen, budget),
    ].join('\n'),
  );
}

/** Measures one way after another on the same queries. */
async function measured(
  context: CliContext,
  flags: CostFlags,
  { collection, queryIds }: { readonly collection: Collection; readonly queryIds: readonly string[] },
): Promise<CostPoint[]> {
  const { run: candidates, firstStage } = await candidatesOf(flags.candidates, flags.data, collection);
  const products = await layerProducts(flags.model);
  let counted = 0;
  const opened = await openCostRerankers(
    context,
    flags,
    ({ depth = 0 }, { tokens, layerTokensSaved = 0 }) => {
      counted += tokens * (products.atDepth.get(depth) ?? 0) - layerTokensSaved * products.layer;
    },
  );
  const points: CostPoint[] = [];
  try {
    for (const [name, reranker] of opened.rerankers) {
      await warmUp(reranker);
      counted = 0;
      const bar = context.progress(name, queryIds.length);
      const { losses, costMs } = await measureReranker(reranker, {
        collection,
        candidates,
        firstStage,
        rankWindowSize: flags.window,
        measure: parseMeasure(routerMeasure),
        queryIds,
        costs: flags.costs,
        onProgress: (done) => bar.update(done),
        signal: context.signal,
      }).finally(() => bar.stop());
      points.push({
        name,
        costMs,
        values: queryIds.map((queryId) => 1 - (losses.get(queryId) ?? 1)),
        // States that are known cost no products, and nobody tells which tokens those were.
        multiplyAdds: flags.costs === 'cold' ? counted / queryIds.length / 1e9 : undefined,
      });
    }
  } finally {
    await opened.close();
  }
  return points;
}

/** The first list of a reranker compiles code, which no later one pays for. */
async function warmUp(reranker: Reranker): Promise<void> {
  const candidates = ['What to warm up with.', 'Another text.'].map((text, i) => ({
    docId: `${i}`,
    text,
    segments: [],
  }));
  await reranker.rerank({ query: { text: 'warm' }, firstStage: 'unknown', candidates });
}

function table(points: readonly PlacedPoint[]): string[] {
  return aligned([
    ['', 'reranker', routerMeasure, 'ms a list', 'G multiply-adds'],
    ...points.map(({ name, quality, costMs, multiplyAdds, isOnFront }) => [
      isOnFront ? '*' : '',
      name,
      quality.toFixed(4),
      costMs.toFixed(1),
      multiplyAdds === undefined ? '' : multiplyAdds.toFixed(1),
    ]),
  ]);
}

function advice(chosen: PlacedPoint | undefined, budget: number | undefined): string[] {
  if (!chosen) return [`Nothing that was measured takes ${budget} ms or less.`];
  const why =
    budget === undefined
      ? 'the cheapest within one standard error of the best'
      : `the best within ${budget} ms`;
  return [`Chosen: ${chosen.name}, ${why}.`, ...chosenConfiguration(chosen.name)];
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot measure costs', [{ path, message }]);
