/** A cheap reranker over all candidates, and a dear one over a part of them. */
import type { Ranking, Reranker, RerankerInfo } from '../contract.ts';
import { ConfigurationError, type ConfigurationIssue, InferenceError } from '../errors.ts';
import { infoDigest } from '../info-digest.ts';
import { numberCheck, optionIssues, type ValueCheck, wholeCheck } from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import { type CascadeRule, cascadeWindow, joinedCascade } from '../scores/cascade.ts';
import { rankingFault } from '../scores/ranking-fault.ts';
import { partOfList } from './part-of-list.ts';
import { preparedByAll } from './prepared-by-all.ts';
import { remaining } from './remaining-time.ts';
import { wrapped } from './wrapped.ts';

/** Options of {@link cascadeReranker}; at most one of `first` and `margin`. */
export interface CascadeOptions {
  /** Orders every candidate. */
  readonly cheap: Reranker;
  /** Orders a part of them again. */
  readonly dear: Reranker;
  /** The dear reranker orders the first so many candidates of the cheap order; at least 1. @defaultValue 20 */
  readonly first?: number | undefined;
  /**
   * Instead: the dear reranker orders the candidates whose place on the page is unsure, those whose cheap z-score is at
   * most this far from the page's edge, in standard deviations of the list; above 0. A list that fits the page is sure.
   * @defaultValue none: `first` decides
   */
  readonly margin?: number | undefined;
  /** With `margin`: candidates of a page, at least 1. @defaultValue 10 */
  readonly cutoff?: number | undefined;
}

/** Candidates that the dear reranker orders by default. */
export const defaultCascadeFirst = 20;

/** Candidates of a page by default. */
const defaultCutoff = 10;

const isReranker: ValueCheck = {
  isRight: (value) => typeof (value as Partial<Reranker> | null)?.rerank === 'function',
  expected: 'a reranker',
};

const checks: Readonly<Record<keyof OptionNames<CascadeOptions>, ValueCheck>> = {
  cheap: isReranker,
  dear: isReranker,
  first: wholeCheck(1),
  margin: numberCheck({ above: 0, expected: 'a finite number above 0' }),
  cutoff: wholeCheck(1),
};

/**
 * A reranker that lets a cheap one order every candidate, and a dear one order a part of them again. The part keeps its
 * places, in the dear order; all others keep the cheap order. Logits are z-scores, so that both parts can be compared;
 * usage is the sum of both. Where one of them is a router, its decision is told ({@link Ranking.routed}); of two, the dear
 * one's.
 *
 * Everything but ranking is the dear reranker's; `info` has digests over both, {@link Reranker.prepare} prepares for
 * both, {@link Reranker.countTokens} counts what both would read of the whole list (the dear one reads less), and
 * closing closes both. A failure of either fails the call.
 *
 * @throws ConfigurationError for an unknown or impossible option.
 *
 * @example const reranker = cascadeReranker({ cheap: await openReranker({ depth: 6, tier: 'anchor' }), dear: await
 * openReranker(), first: 20 });
 */
export function cascadeReranker(options: CascadeOptions): Reranker {
  const rule = ruleOf(options);
  const { cheap, dear } = options;
  let isClosed = false;
  const prepare = preparedByAll([cheap, dear]);
  return wrapped(dear, {
    get info() {
      return infoOf(cheap.info, dear.info, rule);
    },
    async rerank(shortlist, call = {}) {
      if (isClosed) throw new TypeError('rerank: the reranker is closed.');
      const started = performance.now();
      const order = await cheap.rerank(shortlist, call);
      const window = cascadeWindow(order, rule);
      if (window.to === window.from) return order;
      const indices = order.candidates.slice(window.from, window.to).map(({ index }) => index);
      indices.sort((a, b) => a - b);
      const again = await dear.rerank(partOfList(shortlist, indices), remaining(call, started));
      return joinedCascade(order, ofWhole(again, indices, dear.info), window);
    },
    ...(prepare && { prepare }),
    ...(cheap.countTokens &&
      dear.countTokens && {
        countTokens: async (shortlist, call) =>
          (await cheap.countTokens!(shortlist, call)) + (await dear.countTokens!(shortlist, call)),
      }),
    async close() {
      isClosed = true;
      await Promise.all([cheap.close(), dear.close()]);
    },
  });
}

/** @throws ConfigurationError */
function ruleOf(options: CascadeOptions): CascadeRule {
  const { first, margin, cutoff = defaultCutoff } = options;
  const isBoth = first !== undefined && margin !== undefined;
  const issues: readonly ConfigurationIssue[] = [
    ...optionIssues(options, checks, ['cheap', 'dear']),
    ...(isBoth ? [{ path: 'margin', message: 'expected none beside first' }] : []),
  ];
  if (issues.length > 0) throw new ConfigurationError('Cannot make the cascade', issues);
  return margin === undefined ? { first: first ?? defaultCascadeFirst } : { margin, cutoff };
}

function infoOf(cheap: RerankerInfo, dear: RerankerInfo, rule: CascadeRule): RerankerInfo {
  return {
    ...dear,
    name: `cascade(${cheap.name}, ${dear.name})`,
    encodingDigest: infoDigest([cheap.encodingDigest, dear.encodingDigest]),
    readoutDigest: infoDigest([cheap.readoutDigest, dear.readoutDigest, rule]),
    profile: cheap.profile === dear.profile ? dear.profile : 'in-context',
    languages: dear.languages.filter((language) => cheap.languages.includes(language)),
    takesInstructions: cheap.takesInstructions === true && dear.takesInstructions === true,
    ready: cheap.ready && dear.ready,
  };
}

/** A ranking of a part with the indexes of the whole. @throws InferenceError when it is no permutation of the part. */
function ofWhole(
  part: Ranking,
  indices: readonly number[],
  { name, executionProvider }: RerankerInfo,
): Ranking {
  const fault = rankingFault(part, indices.length);
  if (fault) {
    throw new InferenceError(
      `Cannot use the ranking that "${name}" gave for ${indices.length} candidates of a cascade: ${fault}. ` +
        'Every position must come exactly once, with finite logit and score; fix the reranker.',
      { executionProvider },
    );
  }
  return {
    ...part,
    candidates: part.candidates.map((candidate) => ({ ...candidate, index: indices[candidate.index]! })),
  };
}
