/** What `blockrank router fit` does: measures, clusters, writes. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigurationError, openEmbedder } from '../../../engine/index.ts';
import { fitRouter, readCollection } from '../../../engine/laboratory.ts';
import { type RouterValidation, writeBoarded, writeRouter } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { judgedQueries } from '../laboratory/judged-queries.ts';
import { type MeasuringFlags, measureAll, openMeasured, routerMeasure, toMeasuredTable } from './measure.ts';

/** Values of the options. */
export interface RouterFitFlags extends MeasuringFlags {
  readonly data: string;
  readonly candidates: string;
  readonly output: string;
  readonly clusters: number;
  readonly kind: 'k-means' | 'learned-map';
  readonly window: number;
  readonly limit?: number;
  readonly costs: 'cold' | 'warm';
  readonly seed: number;
}

/** Writes the router. @throws ConfigurationError for options that cannot be, or a collection without judged queries. */
export async function fitRouterFolder(context: CliContext, flags: RouterFitFlags): Promise<void> {
  const { data, candidates, output, clusters: count, kind, window, costs, seed, precision } = flags;
  if (existsSync(output)) throw problem('output', `"${output}" exists; name a new folder`);
  const collection = await readCollection(data);
  const queryIds = judgedQueries(collection).slice(0, flags.limit);
  if (queryIds.length === 0) throw problem('data', `no query of "${data}" has a relevant document`);
  const opened = await openMeasured(context, flags, costs);
  try {
    const queries = queryIds.map((queryId) => ({
      queryId,
      text: collection.queries.get(queryId)!,
      cluster: -1,
    }));
    const unplaced: RouterValidation = {
      data: resolve(data),
      candidates,
      rankWindowSize: window,
      measure: routerMeasure,
      costs,
      queries,
    };
    const measured = await measureAll(context, opened, unplaced, precision);
    const embedder = await openEmbedder({ model: flags.model });
    const judged = new Set(queryIds);
    const others = [...collection.queries].filter(([queryId]) => !judged.has(queryId));
    const { map, clusters } = fitRouter({
      embeddings: await embedder.embed(queries.map(({ text }) => text)),
      unjudged: await embedder.embed(others.map(([, text]) => text)),
      losses: queryIds.map((queryId) => measured.map(({ losses }) => losses[queryId]!)),
      kind,
      count,
      seed,
    });
    const placed = queries.map((query, q) => ({ ...query, cluster: clusters[q]! }));
    await writeRouter(output, { clusters: map, validation: { ...unplaced, queries: placed } });
    for (const one of measured) await writeBoarded(output, one);
    if (flags.json)
      return context.printJson({ output, queries: queryIds.length, clusters: map.rows.length, measured });
    context.print(
      `${toMeasuredTable(measured)}\n\nWrote ${output}: ${queryIds.length} queries in ${map.rows.length} clusters.`,
    );
  } finally {
    await opened.close();
  }
}

const problem = (path: string, message: string): ConfigurationError =>
  new ConfigurationError('Cannot fit the router', [{ path, message }]);
