/** Limits on how far the order may push down what the first stage was right to put first. */
import type { Candidate, RankedCandidate, Ranking, ScoreStep, Shortlist } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue } from '../errors.ts';
import { fieldCheck, numberCheck, optionIssues, type ValueCheck, wholeCheck } from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import { scheduled } from './deadlines.ts';
import { zScores } from './fusion-scores.ts';
import { holdsIdentifier, identifiersIn } from './identifiers.ts';
import { inNewOrder } from './in-new-order.ts';
import { keywordsOf } from './signal-values.ts';

/** Options of {@link orderLimits}. Exactly one of `promoteOnly` and `maxDemotion`. */
export interface OrderLimitOptions {
  /** Whether a protected hit never comes below its first-stage rank, as with `maxDemotion` 0. @defaultValue false */
  readonly promoteOnly?: boolean | undefined;
  /** Ranks that a protected hit may come below its first-stage rank, at least 0. @defaultValue none */
  readonly maxDemotion?: number | undefined;
  /** Distance to the second hit, in deviations of the first stage's scores, from which its first hit is protected, above 0. `false`: never. @defaultValue 2 */
  readonly leaderGap?: false | number | undefined;
  /** Whether hits are protected that hold a code or a quoted phrase of the query, in their text or in `identifierFields`. @defaultValue true */
  readonly identifiers?: boolean | undefined;
  /** Fields that identifiers are looked for in, beside the text. Fetched with the hits. @defaultValue none */
  readonly identifierFields?: readonly string[] | undefined;
  /** Hits that may hold one identifier: one that more hold protects none of them, at least 1. @defaultValue 5 */
  readonly identifierHits?: number | undefined;
}

/** Distance from which the first stage's first hit counts as a clear leader, in deviations of its scores. */
const defaultLeaderGap = 2;
/** An identifier that more hits than these hold names no single one of them. */
const defaultIdentifierHits = 5;

const isBoolean: ValueCheck = {
  isRight: (value) => typeof value === 'boolean',
  expected: 'true or false',
};

const checks: Readonly<Record<keyof OptionNames<OrderLimitOptions>, ValueCheck>> = {
  promoteOnly: isBoolean,
  maxDemotion: wholeCheck(0),
  leaderGap: {
    isRight: (value) => value === false || numberCheck({ above: 0, expected: '' }).isRight(value),
    expected: 'false, or a number above 0',
  },
  identifiers: isBoolean,
  identifierFields: {
    isRight: (value) => Array.isArray(value) && value.every((each) => fieldCheck.isRight(each)),
    expected: 'names of fields, without "*"',
  },
  identifierHits: wholeCheck(1),
};

/** Everything that is wrong with the options of {@link orderLimits}. */
export function orderLimitIssues(options: unknown): readonly ConfigurationIssue[] {
  const issues = optionIssues(options, checks);
  const { promoteOnly, maxDemotion } = (options ?? {}) as OrderLimitOptions;
  if ((promoteOnly === true) !== (maxDemotion !== undefined) || issues.some(({ path }) => path === ''))
    return issues;
  return [...issues, { path: '', message: 'expected exactly one of promoteOnly: true and maxDemotion' }];
}

/**
 * A score step: the first stage's clear leader, and hits that hold an identifier of the query, come at most
 * `maxDemotion` ranks below their first-stage ranks; all others keep the order of the ranking. Protected hits are marked
 * ({@link RankedCandidate.protectedAs}). Pinned hits of the shortlist stand at their own ranks, and the limits count them.
 *
 * Leader: a first stage's first hit whose score lies `leaderGap` deviations above that of the second one; lists of fewer
 * than three hits, and lists without scores, have none.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function orderLimits(options: OrderLimitOptions): ScoreStep {
  const issues = orderLimitIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot make the order limits', issues);
  const { promoteOnly = false, maxDemotion = 0 } = options;
  const allowed = promoteOnly ? 0 : maxDemotion;
  return (ranking, shortlist) => {
    const reasons = protectedHits(shortlist, options);
    return reasons.size === 0 ? ranking : limited(ranking, shortlist, { reasons, allowed });
  };
}

/** Why a hit is protected. */
type Protection = NonNullable<RankedCandidate['protectedAs']>;

/** The protected hits of a list, by index. */
export function protectedHits(
  shortlist: Shortlist,
  options: Omit<OrderLimitOptions, 'promoteOnly' | 'maxDemotion'> = {},
): ReadonlyMap<number, Protection> {
  const { leaderGap = defaultLeaderGap, identifiers = true } = options;
  const found = new Map<number, Protection>();
  if (leaderGap !== false && hasLeader(shortlist, leaderGap)) found.set(0, 'leader');
  if (identifiers) for (const index of identified(shortlist, options)) found.set(index, 'identifier');
  return found;
}

function hasLeader({ candidates }: Shortlist, gap: number): boolean {
  if (candidates.length < 3) return false;
  const scores = candidates.map(({ firstStageScore = Number.NaN }) => firstStageScore);
  if (!Number.isFinite(scores[0]) || !Number.isFinite(scores[1])) return false;
  const z = zScores(scores, Number.POSITIVE_INFINITY);
  return z !== undefined && z[0]! - z[1]! >= gap;
}

function identified(
  { query, candidates }: Shortlist,
  { identifierFields = [], identifierHits = defaultIdentifierHits }: OrderLimitOptions,
): readonly number[] {
  const textsOf = ({ text, signals }: Candidate): readonly string[] => [
    text,
    ...identifierFields.flatMap((field) => keywordsOf(signals?.[field])),
  ];
  return identifiersIn(query.text).flatMap((identifier) => {
    const holders = [...candidates.keys()].filter((index) =>
      textsOf(candidates[index]!).some((text) => holdsIdentifier(text, identifier)),
    );
    return holders.length <= identifierHits ? holders : [];
  });
}

function limited(
  ranking: Ranking,
  { pinned = [], candidates }: Shortlist,
  { reasons, allowed }: { readonly reasons: ReadonlyMap<number, Protection>; readonly allowed: number },
): Ranking {
  const fixed = new Set(pinned.filter((index) => index >= 0 && index < candidates.length));
  const marked = ranking.candidates.map((candidate) => {
    const reason = reasons.get(candidate.index);
    return reason ? { ...candidate, protectedAs: reason } : candidate;
  });
  const loose = marked.filter(({ index }) => !fixed.has(index));
  // The ranks that pinned hits leave free, and for each rank how many of those lie up to it.
  const free = [...candidates.keys()].filter((rank) => !fixed.has(rank));
  const deadlines = loose.map(({ index, protectedAs }) =>
    protectedAs === undefined
      ? Number.POSITIVE_INFINITY
      : free.findLastIndex((rank) => rank <= index + allowed),
  );
  const order = scheduled(deadlines).map((each) => loose[each]!);
  return inNewOrder({ ...ranking, candidates: marked }, withFixed(order, marked, fixed), 'order-limit');
}

/** The order with the pinned hits at their own ranks. */
function withFixed(
  order: readonly RankedCandidate[],
  all: readonly RankedCandidate[],
  fixed: ReadonlySet<number>,
): readonly RankedCandidate[] {
  if (fixed.size === 0) return order;
  const byIndex = new Map(all.map((candidate) => [candidate.index, candidate]));
  const rest = order.values();
  return all.map((_, rank) => (fixed.has(rank) ? byIndex.get(rank)! : rest.next().value!));
}
