/** What variety costs: systems of maximal marginal relevance over one reranker, and how far apart their first documents lie. */
import { applySteps } from '../compose/stepped.ts';
import type { Ranking, Reranker, Shortlist } from '../contract.ts';
import { cosineLikeness, diversity, type Likeness } from '../scores/diversity.ts';
import { defaultScoreSteps } from '../scores/fusion.ts';
import type { CollectionResult } from './evaluate-collection.ts';
import { mean } from './measures.ts';
import { aligned } from './report.ts';
import type { System } from './systems.ts';

/** First documents whose distances are measured. */
const distanceDepth = 10;

/** Systems of variety, and how far apart their first documents were. */
export interface VarietySystems {
  /** The default order, as `undiversified`, and `diversified-L` for each lambda. */
  readonly systems: Readonly<Record<string, System>>;
  /** Mean intra-list distance of the lists that were ranked so far, by system, in [0, 1]. */
  readonly distances: () => ReadonlyMap<string, number>;
}

/** The system that the others are compared with. */
export const undiversified = 'undiversified';

/**
 * Systems over one reranker with an embedder, in its default order and after {@link diversity} at each lambda.
 *
 * @throws RangeError when the reranker has no embedder.
 */
export function varietySystems(reranker: Reranker, lambdas: readonly number[]): VarietySystems {
  const { embedder } = reranker;
  if (!embedder)
    throw new RangeError('varietySystems: expected a reranker with an embedder, got one without.');
  const steps = defaultScoreSteps(reranker.info);
  const rankings = new WeakMap<Shortlist, Promise<Ranking>>();
  const defaultOrder = (shortlist: Shortlist, signal?: AbortSignal): Promise<Ranking> => {
    const known = rankings.get(shortlist);
    if (known) return known;
    const found = reranker
      .rerank(shortlist, signal ? { signal } : {})
      .then((ranking) => applySteps(ranking, shortlist, { steps, reranker, signal }));
    rankings.set(shortlist, found);
    return found;
  };
  const taken = new Map<string, number[]>();
  const systemOf = (name: string, lambda: number): System => {
    const own: number[] = [];
    taken.set(name, own);
    return async (shortlist, signal) => {
      const likeness = cosineLikeness(await embedder.embed(shortlist.candidates.map(({ text }) => text)));
      const ranking = await applySteps(await defaultOrder(shortlist, signal), shortlist, {
        steps: [diversity({ lambda })],
        reranker,
        signal,
      });
      const order = ranking.candidates.map(({ index }) => index);
      own.push(intraListDistance(order.slice(0, distanceDepth), likeness));
      return order;
    };
  };
  const names = [
    [undiversified, 1] as const,
    ...lambdas.map((lambda) => [`diversified-${lambda}`, lambda] as const),
  ];
  return {
    systems: Object.fromEntries(names.map(([name, lambda]) => [name, systemOf(name, lambda)])),
    distances: () => new Map([...taken].map(([name, lists]) => [name, mean(lists)])),
  };
}

/**
 * Mean distance of all pairs, 1 - likeness, in [0, 1]; 0 for fewer than two documents.
 *
 * Source: Ziegler et al., "Improving recommendation lists through topic diversification" (WWW 2005).
 */
export function intraListDistance(order: readonly number[], { of }: Pick<Likeness, 'of'>): number {
  const distances = order.flatMap((one, i) => order.slice(i + 1).map((other) => 1 - of(one, other)));
  return distances.length === 0 ? 0 : mean(distances);
}

/** A table: a line a system, with what its variety costs in the given measure. */
export function toVarietyTable(
  result: CollectionResult,
  distances: ReadonlyMap<string, number>,
  measure: string,
): string {
  const measured = (name: string): number => result.measured.get(name)?.get(measure)?.mean ?? 0;
  const body = [...distances].map(([name, distance]) => [
    name,
    distance.toFixed(3),
    measured(name).toFixed(4),
    (measured(undiversified) - measured(name)).toFixed(4),
  ]);
  return aligned([['order', `distance within ${distanceDepth}`, measure, `${measure} lost`], ...body]).join(
    '\n',
  );
}
