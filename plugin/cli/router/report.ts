/** What `blockrank router report` does: cross-validates routers of each kind over what a router measured. */
import { writeFile } from 'node:fs/promises';
import { ConfigurationError, openEmbedder } from '../../../engine/index.ts';
import {
  aligned,
  crossValidateRouters,
  type Deferral,
  type DeferralPoint,
  deferralChart,
  singleRerankers,
} from '../../../engine/laboratory.ts';
import { readRouter } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';

/** Values of the options. */
export interface RouterReportFlags {
  readonly router: string;
  readonly folds: number;
  readonly neighbours: number;
  readonly seed: number;
  readonly model?: string;
  readonly chart?: string;
  readonly json?: string | true;
}

/** Prints the table, and writes the chart. @throws ConfigurationError for a damaged router, or too few queries. */
export async function report(context: CliContext, flags: RouterReportFlags): Promise<void> {
  const { router, folds, neighbours, seed, model, chart, json } = flags;
  const { boarded, validation, clusters } = await readRouter(router);
  const { queries, measure } = validation;
  if (queries.length < folds) {
    const message = `expected at most ${queries.length}, the router's queries, got ${folds}`;
    throw new ConfigurationError('Cannot report on the router', [{ path: 'folds', message }]);
  }
  const embedder = await openEmbedder({ model });
  const costsMs = boarded.map(({ costMs }) => costMs);
  const losses = queries.map(({ queryId }) => boarded.map((one) => one.losses[queryId]!));
  const embeddings = await embedder.embed(queries.map(({ text }) => text));
  const counts = [...new Set([1, clusters.rows.length])];
  const curves = crossValidateRouters({ embeddings, losses, costsMs, counts, folds, neighbours, seed });
  const points = singleRerankers({ losses, costsMs });
  const singles = new Map(boarded.map(({ name }, r) => [name, points[r]!]));
  if (chart !== undefined) await writeFile(chart, await deferralChart({ curves, singles, measure }));
  if (json) {
    const routers = Object.fromEntries(curves);
    return context.printJson({
      queries: queries.length,
      folds,
      rerankers: Object.fromEntries(singles),
      routers,
    });
  }
  context.print(`${queries.length} queries, ${folds} folds, ${measure}; costs ${validation.costs}`);
  context.print(`\n${singlesTable(singles)}\n\n${routersTable(curves)}`);
}

function singlesTable(singles: ReadonlyMap<string, DeferralPoint>): string {
  const rows = [...singles].map(([name, { quality, costMs }]) => [
    name,
    quality.toFixed(4),
    costMs.toFixed(2),
  ]);
  return aligned([['reranker', 'quality', 'ms'], ...rows], { numbers: true }).join('\n');
}

function routersTable(curves: ReadonlyMap<string, Deferral>): string {
  const rows = [...curves].map(([name, { area, peak, neutralCost }]) => [
    name,
    area.toFixed(4),
    peak.toFixed(4),
    neutralCost === undefined ? 'never' : `${(100 * neutralCost).toFixed(0)} %`,
  ]);
  return aligned([['router', 'area', 'peak', 'quality-neutral cost'], ...rows], { numbers: true }).join('\n');
}
