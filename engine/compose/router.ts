/** A reranker that chooses one of several for each query. */
import type {
  Embedder,
  Ranking,
  Reranker,
  RerankerInfo,
  RerankOptions,
  Routed,
  Shortlist,
} from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { infoDigest } from '../info-digest.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import {
  type ClusterMap,
  cheapestSum,
  expectedLosses,
  isWordless,
  memberships,
  type RoutingEntry,
} from '../scores/routing.ts';
import { preparedByAll } from './prepared-by-all.ts';
import { wrapped } from './wrapped.ts';

/** A reranker on board of a router. */
export interface RouterChoice extends RoutingEntry {
  /** The reranker. */
  readonly reranker: Reranker;
}

/** Options of {@link routerReranker}. */
export interface RouterOptions {
  /** The rerankers on board, at least one; names are unique. */
  readonly choices: readonly RouterChoice[];
  /** How queries belong to clusters. */
  readonly clusters: ClusterMap;
  /** Gives queries the vectors that the clusters were made of. */
  readonly embedder: Embedder;
  /**
   * Loss that a millisecond is worth, at least 0: 0 takes the reranker of the least expected loss, Infinity the cheapest.
   * `lambdaForBudget` finds it for a mean cost. @defaultValue 0
   */
  readonly lambda?: number | undefined;
  /** Called with each decision, before the chosen reranker is asked. @defaultValue nothing is called */
  readonly onRouted?: ((routed: Routed) => void) | undefined;
}

const optionNames: OptionNames<RouterOptions> = {
  choices: true,
  clusters: true,
  embedder: true,
  lambda: true,
  onRouted: true,
};

/**
 * A reranker that asks one of several, chosen for each query by `expected loss + lambda * cost`. Those that are not ready,
 * and those that cost more than the call has time for, are passed over as long as others are left. Its rankings say in
 * {@link Ranking.routed} who ranked and why. The chosen one's failure is the call's.
 *
 * Its fusion weight is 0: each choice brings its own steps. Everything but ranking is the dearest choice's; `info` has
 * digests over all, {@link Reranker.prepare} prepares for all that can, {@link Reranker.countTokens} counts what the
 * chosen one would read, and closing closes all.
 *
 * Source: UniRoute (arXiv:2502.08773).
 *
 * @throws ConfigurationError for an unknown or impossible option, listing every loss and cost that is no number.
 */
export function routerReranker(options: RouterOptions): Reranker {
  checkOptionNames('Cannot make the router', options, optionNames);
  assertOptions(options);
  const { choices, embedder, onRouted } = options;
  const dearest = choices.reduce((dear, one) => (one.costMs > dear.costMs ? one : dear)).reranker;
  const tableDigest = digestOf(options);
  let isClosed = false;
  const prepare = preparedByAll(choices.map(({ reranker }) => reranker));
  const decide = async (shortlist: Shortlist, call: RerankOptions): Promise<Decided> => {
    const [text, signal] = [shortlist.query.text, call.signal];
    const { rows, width } = await embedder.embed([text], signal ? { signal } : {});
    assertWidth(options.clusters, width);
    return decided(options, rows, call.deadlineMs);
  };
  return wrapped(dearest, {
    get info() {
      return infoOf(choices, dearest.info, tableDigest);
    },
    embedder,
    async rerank(shortlist, call = {}) {
      if (isClosed) throw new TypeError('rerank: the reranker is closed.');
      const { choice, routed } = await decide(shortlist, call);
      onRouted?.(routed);
      const ranking = await choice.reranker.rerank(shortlist, call);
      return { ...ranking, routed };
    },
    ...(prepare && { prepare }),
    ...(dearest.countTokens && {
      async countTokens(shortlist, call = {}) {
        const { choice } = await decide(shortlist, call);
        return (await choice.reranker.countTokens?.(shortlist, call)) ?? 0;
      },
    }),
    async close() {
      isClosed = true;
      await Promise.all(choices.map(({ reranker }) => reranker.close()));
    },
  });
}

/** @throws ConfigurationError when the embedder is not the one that the clusters were made with. */
function assertWidth({ kind, rows }: ClusterMap, width: number): void {
  const expected = rows[0]!.length - Number(kind === 'learned-map');
  if (width === expected) return;
  const message = `expected vectors of ${expected} values, as the clusters have, got ${width}: open the model that the router was fitted with`;
  throw new ConfigurationError('Cannot route the query', [{ path: 'embedder', message }]);
}

interface Decided {
  readonly choice: RouterChoice;
  readonly routed: Routed;
}

function decided(
  { choices, clusters, lambda = 0 }: RouterOptions,
  embedding: Float32Array,
  deadlineMs: number = Number.POSITIVE_INFINITY,
): Decided {
  const losses = expectedLosses(choices, clusters, embedding);
  const best = (allowed: readonly number[]): number =>
    allowed[
      cheapestSum(
        allowed.map((at) => losses[at]!),
        allowed.map((at) => choices[at]!.costMs),
        lambda,
      )
    ]!;
  const all = [...choices.keys()];
  const ready = some(all.filter((at) => choices[at]!.reranker.info.ready)) ?? all;
  const timely = some(ready.filter((at) => choices[at]!.costMs <= deadlineMs));
  const at = timely ? best(timely) : cheapestOf(ready, choices);
  const choice = choices[at]!;
  const wordless = isWordless(embedding);
  const reason = (): Routed['reason'] => {
    if (best(all) !== best(ready) && at === best(ready)) return 'not-ready';
    if (at !== best(ready)) return 'deadline';
    if (wordless) return 'no-words';
    return losses[at]! <= Math.min(...losses) ? 'least-loss' : 'cost';
  };
  const { name, costMs } = choice;
  const routed = { to: name, reason: reason(), expectedLoss: losses[at]!, costMs };
  return {
    choice,
    routed: wordless ? routed : { ...routed, cluster: mostOf(memberships(clusters, embedding)) },
  };
}

const some = <T>(values: readonly T[]): readonly T[] | undefined => (values.length > 0 ? values : undefined);

const mostOf = (values: readonly number[]): number => values.indexOf(Math.max(...values));

function cheapestOf(allowed: readonly number[], choices: readonly RouterChoice[]): number {
  return allowed.reduce((least, at) => (choices[at]!.costMs < choices[least]!.costMs ? at : least));
}

/** Digest of everything that decides between the rerankers. */
function digestOf({ choices, clusters, lambda = 0 }: RouterOptions): string {
  const entries = choices.map(({ name, costMs, meanLoss, clusterLosses }) => [
    name,
    costMs,
    meanLoss,
    clusterLosses,
  ]);
  return infoDigest([entries, clusters, String(lambda)]);
}

function infoOf(choices: readonly RouterChoice[], dearest: RerankerInfo, tableDigest: string): RerankerInfo {
  const infos = choices.map(({ reranker }) => reranker.info);
  const { predictedFusionWeight: _ofOne, ...rest } = dearest;
  return {
    ...rest,
    name: 'router',
    encodingDigest: infoDigest(infos.map(({ encodingDigest }) => encodingDigest)),
    readoutDigest: infoDigest([tableDigest, infos.map(({ readoutDigest }) => readoutDigest)]),
    profile: infos.every(({ profile }) => profile === 'cacheable') ? 'cacheable' : 'in-context',
    fusionWeight: 0,
    takesInstructions: infos.every(({ takesInstructions }) => takesInstructions === true),
    ready: infos.some(({ ready }) => ready),
  };
}

/** @throws ConfigurationError listing every issue. */
function assertOptions({ choices, clusters, lambda = 0 }: RouterOptions): void {
  const issues: ConfigurationIssue[] = [];
  const names = choices.map(({ name }) => name);
  if (choices.length === 0)
    issues.push({ path: 'choices', message: 'expected at least one reranker, got none' });
  if (clusters.rows.length === 0)
    issues.push({ path: 'clusters', message: 'expected at least one cluster, got none' });
  if (!(lambda >= 0))
    issues.push({ path: 'lambda', message: `expected a number of at least 0, got ${lambda}` });
  for (const [i, choice] of choices.entries()) {
    const path = `choices[${i}]`;
    if (names.indexOf(choice.name) !== i)
      issues.push({ path, message: `the name "${choice.name}" comes twice` });
    issues.push(...numberIssues(choice, path, clusters.rows.length));
  }
  if (issues.length > 0) throw new ConfigurationError('Cannot make the router', issues);
}

function numberIssues(
  { name, costMs, meanLoss, clusterLosses }: RouterChoice,
  path: string,
  count: number,
): ConfigurationIssue[] {
  const issues: ConfigurationIssue[] = [];
  const isLoss = (value: number): boolean => value >= 0 && value <= 1;
  if (!(costMs >= 0 && costMs < Number.POSITIVE_INFINITY))
    issues.push({
      path: `${path}.costMs`,
      message: `expected milliseconds of at least 0 for "${name}", got ${costMs}`,
    });
  const wrong = [meanLoss, ...clusterLosses].find((loss) => !isLoss(loss));
  if (wrong !== undefined)
    issues.push({ path, message: `expected losses in [0, 1] for "${name}", got ${wrong}` });
  if (clusterLosses.length !== count)
    issues.push({
      path: `${path}.clusterLosses`,
      message: `expected one loss for each of ${count} clusters, got ${clusterLosses.length}`,
    });
  return issues;
}
