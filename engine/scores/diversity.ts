/** Variety: the first ranks hold documents that differ. */
import type { Embeddings, RankedCandidate, ScoreStep, Shortlist, StepContext } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import {
  choiceCheck,
  fieldCheck,
  numberCheck,
  optionIssues,
  type ValueCheck,
  wholeCheck,
} from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import { dotRows } from '../readout/vectors.ts';
import { inNewOrder } from './in-new-order.ts';
import { listEmbeddings } from './list-embeddings.ts';
import { defaultDuplicateCosine } from './near-duplicates.ts';
import { rowCount } from './rows.ts';
import { keywordsOf } from './signal-values.ts';

/** Options of {@link diversity}. */
export interface DiversityOptions {
  /** Weight of the ranking's own order beside the likeness of documents, 0 to 1; 1 leaves the order alone. */
  readonly lambda: number;
  /** A field whose values tell that hits are alike, in place of their texts. Fetched with the hits. @defaultValue none */
  readonly field?: string | undefined;
  /** What tells that documents are alike: token averages, or what the model keeps of each document. @defaultValue 'embeddings' */
  readonly by?: 'embeddings' | 'anchors' | undefined;
  /** How many leading ranks are chosen anew, at least 1. @defaultValue 10 */
  readonly ranks?: number | undefined;
}

/** Leading ranks that are chosen anew by default. */
const defaultRanks = 10;

const checks: Readonly<Record<keyof OptionNames<DiversityOptions>, ValueCheck>> = {
  lambda: numberCheck({ least: 0, most: 1, expected: 'a number in [0, 1]' }),
  field: fieldCheck,
  by: choiceCheck(['embeddings', 'anchors']),
  ranks: wholeCheck(1),
};

/** Everything that is wrong with the options of {@link diversity}. */
export function diversityIssues(options: unknown): readonly ConfigurationIssue[] {
  const issues = optionIssues(options, checks, ['lambda']);
  const { field, by } = (options ?? {}) as Partial<DiversityOptions>;
  if (field === undefined || by === undefined) return issues;
  return [
    ...issues,
    { path: 'by', message: 'expected field or by, not both: a field tells likeness in place of texts' },
  ];
}

/**
 * A score step: maximal marginal relevance over the first `ranks`. Each rank takes the document of largest
 * `lambda * relevance - (1 - lambda) * likeness`: relevance is the logit between the list's lowest (0) and highest (1),
 * likeness the largest cosine to a document above, or whether the two share a value of `field`, in [0, 1]. A
 * near-duplicate of a document above (cosine from .99) waits until no other document is left. All others follow in the
 * ranking's order; none is dropped. Without embedder or anchors, and without `field`, the ranking stays as it is.
 *
 * @throws ConfigurationError listing every option that cannot be; from the step, when no hit of the list has the field.
 *
 * Source: Carbonell and Goldstein, "The use of MMR, diversity-based reranking" (SIGIR 1998).
 */
export function diversity(options: DiversityOptions): ScoreStep {
  const issues = diversityIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot make the diversity', issues);
  const { lambda, field, by = 'embeddings', ranks = defaultRanks } = options;
  return async (ranking, shortlist, context) => {
    if (ranking.candidates.length < 3 || lambda === 1) return ranking;
    const likeness = field === undefined ? await cosinesOf(by, shortlist, context) : sharing(field, context);
    if (!likeness) return ranking;
    const order = marginallyRelevant(ranking.candidates, likeness, { lambda, ranks });
    return inNewOrder(ranking, order, 'diversity');
  };
}

/** How alike documents are. */
export interface Likeness {
  /** Likeness of two candidates, by their indices, in [0, 1]. */
  readonly of: (one: number, other: number) => number;
  /** Likeness from which two are near-duplicates. */
  readonly duplicate: number;
}

/** Likeness by cosine; negative ones, and rows without a direction, are alike by 0. */
export function cosineLikeness(embeddings: Embeddings): Likeness {
  const { width, rows } = embeddings;
  const product = (one: number, other: number): number =>
    dotRows({ rows, row: one }, { rows, row: other }, width);
  // Lengths are taken once: only the rows above are compared with others, so copies of length 1 would cost more.
  const lengths = Float64Array.from({ length: rowCount(embeddings) }, (_, i) => Math.sqrt(product(i, i)));
  return {
    of: (one, other) => {
      const cosine = product(one, other) / (lengths[one]! * lengths[other]!);
      return Number.isFinite(cosine) ? Math.min(1, Math.max(0, cosine)) : 0;
    },
    duplicate: defaultDuplicateCosine,
  };
}

/** The candidates in the order of maximal marginal relevance; see {@link diversity}. */
export function marginallyRelevant(
  candidates: readonly RankedCandidate[],
  likeness: Likeness,
  { lambda, ranks }: { readonly lambda: number; readonly ranks: number },
): readonly RankedCandidate[] {
  const waiting = candidates.map((candidate, i) => ({
    candidate,
    relevance: relevanceOf(candidates, i),
    most: 0,
  }));
  const order: RankedCandidate[] = [];
  while (order.length < Math.min(ranks, candidates.length)) {
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    for (const [i, { relevance, most: alike }] of waiting.entries()) {
      // Two below any other value, so that a near-duplicate comes after all that are none.
      const waits = alike >= likeness.duplicate ? 2 : 0;
      const value = lambda * relevance - (1 - lambda) * alike - waits;
      if (value > most) [best, most] = [i, value];
    }
    const [{ candidate }] = waiting.splice(best, 1) as [(typeof waiting)[number]];
    order.push(candidate);
    for (const each of waiting) {
      each.most = Math.max(each.most, likeness.of(each.candidate.index, candidate.index));
    }
  }
  return [...order, ...waiting.map(({ candidate }) => candidate)];
}

/** The logit's place between the list's lowest and highest, in [0, 1]; 1 where all are equal. */
function relevanceOf(candidates: readonly RankedCandidate[], i: number): number {
  const highest = candidates[0]!.logit;
  const lowest = candidates.at(-1)!.logit;
  return highest > lowest ? (candidates[i]!.logit - lowest) / (highest - lowest) : 1;
}

async function cosinesOf(
  by: NonNullable<DiversityOptions['by']>,
  shortlist: Shortlist,
  context: StepContext,
): Promise<Likeness | undefined> {
  const embeddings = await listEmbeddings(by, shortlist, context);
  return embeddings && cosineLikeness(embeddings);
}

function sharing(field: string, { signals }: StepContext): Likeness {
  if (!signals.some((each) => Object.hasOwn(each, field))) {
    throw new ConfigurationError('Cannot apply the diversity', [
      {
        path: 'field',
        message: `no hit comes with the field "${field}"; name it in the option signals of the adapter`,
      },
    ]);
  }
  const values = signals.map((each) => new Set(keywordsOf(each[field])));
  return {
    of: (one, other) => Number([...values[one]!].some((value) => values[other]!.has(value))),
    // Hits that share a value are no duplicates: lambda alone weighs them.
    duplicate: Number.POSITIVE_INFINITY,
  };
}
