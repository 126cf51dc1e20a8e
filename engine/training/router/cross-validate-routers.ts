/** What routers of several kinds would have gained on queries that they did not see. */
import type { Embeddings } from '../../contract.ts';
import { type Deferral, deferral } from '../../evaluation/deferral.ts';
import { mean } from '../../evaluation/measures.ts';
import { seededRandom, shuffled } from '../../evaluation/random.ts';
import { expectedLosses, routingTable } from '../../scores/routing.ts';
import { pickRows, rowAt, rowCount, squaredDistance, viewsOf } from '../../scores/rows.ts';
import { fitRouter } from './fit-router.ts';

/** Options of {@link crossValidateRouters}. */
export interface RouterValidationOptions {
  /** Vectors of the judged queries, shape `[Q, D]`. */
  readonly embeddings: Embeddings;
  /** Losses of the rerankers, shape `[Q, R]`, in [0, 1]. */
  readonly losses: readonly (readonly number[])[];
  /** Milliseconds of each reranker, shape `[R]`. */
  readonly costsMs: readonly number[];
  /** Clusters of the K-means routers, each from 1; the learned map has as many as the last. */
  readonly counts: readonly number[];
  /** Parts of the queries, which are held out in turn; at least 2. @defaultValue 5 */
  readonly folds?: number;
  /** Queries that K-NN looks at. @defaultValue 10 */
  readonly neighbours?: number;
  /** Decides folds and fits. @defaultValue 1 */
  readonly seed?: number;
}

/** Expected losses of held-out queries, shape `[held out, R]`, from the others. */
type Predictor = (fold: Fold) => readonly (readonly number[])[];

interface Fold {
  readonly others: Embeddings;
  readonly otherLosses: readonly (readonly number[])[];
  readonly heldOut: Embeddings;
  readonly heldOutLosses: readonly (readonly number[])[];
}

/**
 * The deferral curve of each kind of router, over all queries, each predicted from the other folds: `zero` (one mean for
 * all queries), `K-NN`, `K-means K` for each count, `learned map K`, and `oracle`, which knows what it cannot know.
 *
 * @throws RangeError for fewer than 2 folds, or fewer queries than folds.
 */
export function crossValidateRouters(options: RouterValidationOptions): ReadonlyMap<string, Deferral> {
  const { losses, costsMs, folds = 5, seed = 1 } = options;
  if (!(Number.isInteger(folds) && folds >= 2 && losses.length >= folds)) {
    throw new RangeError(
      `crossValidateRouters: expected 2 folds or more and as many queries, got ${folds} and ${losses.length}.`,
    );
  }
  const order = shuffled([...losses.keys()], seededRandom(seed));
  const parts = Array.from({ length: folds }, (_, fold) => foldOf(options, order, { fold, folds }));
  return new Map(
    [...predictorsOf(options)].map(([name, predict]) => {
      const expected = parts.flatMap((part) => predict(part));
      const heldOut = parts.flatMap(({ heldOutLosses }) => heldOutLosses);
      return [name, deferral({ expected, losses: heldOut, costsMs })];
    }),
  );
}

function foldOf(
  { embeddings, losses }: RouterValidationOptions,
  order: readonly number[],
  { fold, folds }: { readonly fold: number; readonly folds: number },
): Fold {
  const heldOut = order.filter((_, i) => i % folds === fold);
  const others = order.filter((_, i) => i % folds !== fold);
  return {
    others: pickRows(embeddings, others),
    otherLosses: others.map((q) => losses[q]!),
    heldOut: pickRows(embeddings, heldOut),
    heldOutLosses: heldOut.map((q) => losses[q]!),
  };
}

function predictorsOf(options: RouterValidationOptions): ReadonlyMap<string, Predictor> {
  const { counts, neighbours = 10, seed = 1 } = options;
  const last = counts.at(-1) ?? 1;
  return new Map<string, Predictor>([
    ['zero', ({ otherLosses, heldOutLosses }) => heldOutLosses.map(() => meansOf(otherLosses))],
    ['K-NN', (fold) => byNeighbours(fold, neighbours)],
    ...counts.map((count): [string, Predictor] => [
      `K-means ${count}`,
      (fold) => byClusters(fold, { kind: 'k-means', count, seed }),
    ]),
    [`learned map ${last}`, (fold) => byClusters(fold, { kind: 'learned-map', count: last, seed })],
    ['oracle', ({ heldOutLosses }) => heldOutLosses],
  ]);
}

/** Mean of each column. */
function meansOf(losses: readonly (readonly number[])[]): readonly number[] {
  return (losses[0] ?? []).map((_, r) => mean(losses.map((row) => row[r]!)));
}

function byNeighbours({ others, otherLosses, heldOut }: Fold, count: number): readonly (readonly number[])[] {
  const known = viewsOf(others);
  return viewsOf(heldOut).map((row) => {
    const near = known
      .map((other, i) => ({ i, distance: squaredDistance(row, other) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, count);
    return meansOf(near.map(({ i }) => otherLosses[i]!));
  });
}

function byClusters(
  { others, otherLosses, heldOut }: Fold,
  settings: Pick<Parameters<typeof fitRouter>[0], 'kind' | 'count' | 'seed'>,
): readonly (readonly number[])[] {
  const { map, clusters } = fitRouter({ ...settings, embeddings: others, losses: otherLosses });
  const measured = (otherLosses[0] ?? []).map((_, r) => ({
    name: String(r),
    costMs: 0,
    losses: otherLosses.map((row) => row[r]!),
  }));
  const entries = routingTable(measured, { clusters, count: map.rows.length });
  return Array.from({ length: rowCount(heldOut) }, (_, i) => expectedLosses(entries, map, rowAt(heldOut, i)));
}
