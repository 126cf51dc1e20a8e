/**
 * Remembers the decision about a list, so that all its pages agree.
 *
 * A list that was once read whole, or as far as the page needs, and served reranked stays as it is. A list that was served in first-stage order (the
 * reranker failed, or ran out of time), or of which only a part was read in time, keeps that order for its later pages;
 * otherwise a hit could come on two pages and another on none. A new request for the first page starts over: then the
 * stage tries to rerank again, finds the states that were kept, and reads on. What it gets replaces what is remembered
 * unless that was more.
 */
import { LRUCache } from 'lru-cache';
import type { SecondSearchReport, UnrerankedReason } from '../../adapters/adapter.ts';
import { type BlockRankError, isReadToEnd, type Ranking, type ReadAnchor } from '../../engine/index.ts';
import { type Wish, wantsMasses } from './search-options.ts';

/** A list in reranked order. */
export interface RankedDecision {
  /** Tells the two kinds of decisions apart. */
  readonly kind: 'ranked';
  /** The order, after score steps. */
  readonly ranking: Ranking;
  /** Whether its candidates carry explanations. */
  readonly isExplained: boolean;
  /** What came of a second search; absent where none was wanted. */
  readonly secondSearch?: {
    /** What the response tells of it. */
    readonly report: SecondSearchReport;
    /**
     * The anchor that asks; absent where none was read. Hits are never kept: each caller's own second search finds them,
     * for another caller may have other rights, or another request with the same list.
     */
    readonly anchor?: ReadAnchor;
  };
}

/** A list in first-stage order. */
export interface UnrankedDecision {
  /** Tells the two kinds of decisions apart. */
  readonly kind: 'unranked';
  /** Why the list is not reranked. */
  readonly reason: UnrerankedReason;
  /** What failed. */
  readonly error?: BlockRankError;
}

/** The decision about a list. */
export type Decision = RankedDecision | UnrankedDecision;

/** Decisions by list. */
export interface RankingMemory {
  /**
   * The decision that a page must follow; `undefined` when the page is free, and then its own outcome goes to {@link
   * settle}.
   */
  binding(key: string, from: number): Decision | undefined;
  /** Keeps the page's own outcome, unless another page's came first. @returns The decision that binds. */
  settle(key: string, from: number, own: Decision): Decision;
  /** Forgets everything. */
  clear(): void;
}

/** Bounds of the memory. */
export interface RankingMemoryOptions {
  /** Lists kept at most. */
  readonly maxEntries: number;
  /** How long a decision is kept, in milliseconds. */
  readonly ttlMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

interface Entry {
  readonly decision: Decision;
  /** Whether the first page was served in this order already. */
  readonly isStartServed: boolean;
}

/** Candidates kept for each of `maxEntries`; longer lists push more of the others out. */
const candidatesAnEntry = 200;
/** What a plain candidate takes, about. */
const candidateBytes = 200;
/** Weight of an explained candidate, in plain ones. */
const explainedWeight = 20;
/** Weight of a candidate whose score is told in parts. */
const partsWeight = 3;

/** A bounded memory: least recently used lists go first. */
export function rankingMemory(options: RankingMemoryOptions): RankingMemory {
  const maxSize = options.maxEntries * candidatesAnEntry;
  const entries = new LRUCache<string, Entry>({
    max: options.maxEntries,
    maxSize,
    sizeCalculation: (entry) => Math.min(maxSize, weightOf(entry.decision)),
    ttl: options.ttlMs,
    ttlResolution: 0,
    perf: { now: options.now },
  });
  const binding = (key: string, from: number): Decision | undefined => {
    const entry = entries.get(key);
    if (!entry || isWhole(entry.decision) || from > 0) return entry?.decision;
    if (entry.isStartServed) return undefined;
    entries.set(key, { ...entry, isStartServed: true }, { noUpdateTTL: true });
    return entry.decision;
  };
  return {
    binding,
    settle(key, from, own) {
      const bound = binding(key, from) ?? moreRead(entries.get(key)?.decision, own);
      if (bound && !(own.kind === 'ranked' && bound.kind === 'ranked' && own.isExplained)) return bound;
      const decision = bound?.kind === 'ranked' ? explained(bound, own) : own;
      entries.set(key, { decision, isStartServed: from === 0 });
      return decision;
    },
    clear: () => entries.clear(),
  };
}

/** Why another attempt at a second search may give more. */
const passing: ReadonlySet<string | undefined> = new Set(['deadline', 'error', 'unread']);

/** Whether all was read and searched that was to be, so that another attempt gives nothing new. */
function isWhole(decision: Decision): boolean {
  if (decision.kind === 'unranked' || isToBeSearchedAgain(decision)) return false;
  return isReadToEnd(decision.ranking.usage);
}

/** Whether the decision has the explanations that a call wants. */
export function isExplainedFor(decision: Decision, wish: Pick<Wish, 'explain' | 'passages'>): boolean {
  return decision.kind === 'unranked' || decision.isExplained || !wantsMasses(wish);
}

/** Whether the second search gave nothing for a reason that may pass. */
export function isToBeSearchedAgain({ secondSearch }: RankedDecision): boolean {
  return passing.has(secondSearch?.report.reason);
}

/** The remembered decision, where it rests on more documents than the new one. */
function moreRead(remembered: Decision | undefined, own: Decision): Decision | undefined {
  return remembered && readOf(remembered) > readOf(own) ? remembered : undefined;
}

function readOf(decision: Decision): number {
  if (decision.kind === 'unranked') return 0;
  const { candidates, usage } = decision.ranking;
  return usage.read ?? candidates.length;
}

/** The bound order, with the explanations that the new ranking has. */
function explained(bound: RankedDecision, own: Decision): Decision {
  if (own.kind === 'unranked' || isWhole(bound)) return own;
  const byIndex = new Map(own.ranking.candidates.map(({ index, explanation }) => [index, explanation]));
  const candidates = bound.ranking.candidates.map((candidate) => {
    const explanation = byIndex.get(candidate.index);
    return explanation ? { ...candidate, explanation } : candidate;
  });
  return { ...bound, ranking: { ...bound.ranking, candidates }, isExplained: true };
}

/** A memory that keeps nothing: every page stands alone, and pages are consistent only while reranking never fails. */
export const noMemory: RankingMemory = {
  binding: () => undefined,
  settle: (_key, _from, own) => own,
  clear: () => {},
};

function weightOf(decision: Decision): number {
  if (decision.kind === 'unranked') return 1;
  const { candidates } = decision.ranking;
  const weight = decision.isExplained ? explainedWeight : candidates[0]?.parts ? partsWeight : 1;
  return Math.max(1, candidates.length * weight + anchorWeight(decision));
}

/** Weight of a kept anchor, in plain candidates. */
function anchorWeight({ secondSearch }: RankedDecision): number {
  return Math.ceil((secondSearch?.anchor?.values.byteLength ?? 0) / candidateBytes);
}
