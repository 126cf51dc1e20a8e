/** Opens a router by the section `reranker`. */
import {
  ConfigurationError,
  type ConfigurationIssue,
  type Embedder,
  expectedLosses,
  lambdaForBudget,
  openEmbedder,
  type Reranker,
  type RoutingEntry,
  routerReranker,
  routingTable,
  wrapped,
} from '../../../engine/index.ts';
import type { RerankerConfig, RouterConfig } from '../../config/reranker-schema.ts';
import { type ChoiceContext, type OpenChoices, openChoices } from './open-choices.ts';
import { type BoardedReranker, type RouterFiles, readRouter } from './router-folder.ts';

/** The section `router` in full. */
export function routerSection(router: string | RouterConfig): RouterConfig {
  return typeof router === 'string' ? { folder: router } : router;
}

/**
 * Opens a router and every reranker on board.
 *
 * @param onRanked - Told what each ranking of a reranker on board took. @defaultValue nobody is told
 * @throws ConfigurationError for a damaged folder, rerankers on board that cannot be opened or are not those that were
 * measured, and a budget that even the cheapest does not keep.
 */
export async function openRouter(
  config: RerankerConfig & { readonly router: string | RouterConfig },
  onRanked?: ChoiceContext['onRanked'],
): Promise<Reranker> {
  const { folder, budgetMs, remotes = {} } = routerSection(config.router);
  const files = await readRouter(folder);
  const names = files.boarded.map(({ name }) => name);
  const opened = await openChoices(names, {
    settings: config,
    remotes,
    path: 'reranker.router',
    onRanked,
  });
  try {
    assertSame(folder, files.boarded, opened);
    const embedder = await openEmbedder({ model: config.model });
    const entries = toEntries(files);
    const lambda = budgetMs === undefined ? 0 : await lambdaOf({ files, entries, embedder, budgetMs });
    const choices = entries.map((entry) => ({ ...entry, reranker: opened.rerankers.get(entry.name)! }));
    const router = routerReranker({ choices, clusters: files.clusters, embedder, lambda });
    const close = async (): Promise<void> => {
      await router.close();
      await opened.close();
    };
    return wrapped(router, { close });
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/** What the rule needs to know of each reranker. */
export function toEntries({ boarded, validation, clusters }: RouterFiles): readonly RoutingEntry[] {
  const { queries } = validation;
  return routingTable(
    boarded.map(({ name, costMs, losses }) => ({
      name,
      costMs,
      losses: queries.map(({ queryId }) => losses[queryId]!),
    })),
    { clusters: queries.map(({ cluster }) => cluster), count: clusters.rows.length },
  );
}

/** @throws ConfigurationError naming each reranker that is not the one that was measured. */
function assertSame(folder: string, boarded: readonly BoardedReranker[], { rerankers }: OpenChoices): void {
  const issues = boarded.flatMap((measured): ConfigurationIssue[] => {
    const { name, encodingDigest, readoutDigest, precision } = measured;
    const { info } = rerankers.get(name)!;
    if (info.encodingDigest === encodingDigest && info.readoutDigest === readoutDigest) return [];
    const with_ = precision === undefined ? '' : ` with precision ${precision}`;
    const message = `"${name}" is not the reranker that was measured${with_} (another model, precision, cap or readout): configure the one that was, or measure this one with "blockrank router onboard"`;
    return [{ path: 'reranker.router', message }];
  });
  if (issues.length > 0) throw new ConfigurationError(`Cannot open the router "${folder}"`, issues);
}

async function lambdaOf({
  files,
  entries,
  embedder,
  budgetMs,
}: {
  readonly files: RouterFiles;
  readonly entries: readonly RoutingEntry[];
  readonly embedder: Embedder;
  readonly budgetMs: number;
}): Promise<number> {
  const { width, rows } = await embedder.embed(files.validation.queries.map(({ text }) => text));
  const expected = files.validation.queries.map((_, q) =>
    expectedLosses(entries, files.clusters, rows.subarray(q * width, (q + 1) * width)),
  );
  const costsMs = entries.map(({ costMs }) => costMs);
  try {
    return lambdaForBudget(expected, costsMs, budgetMs);
  } catch (cause) {
    const least = Math.min(...costsMs);
    const message = `expected at least ${least.toFixed(3)}, what the cheapest reranker on board costs, got ${budgetMs}: raise it, or take first-stage on board`;
    throw new ConfigurationError('Cannot open the router', [{ path: 'reranker.router.budgetMs', message }], {
      cause,
    });
  }
}
