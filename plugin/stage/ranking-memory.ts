/**
 * What was decided about a list, so that all its pages tell the same story.
 *
 * A list that was once given back reranked stays reranked. A list that was given back in first-stage order (the
 * reranker failed, or ran out of time) stays in that order for its later pages; otherwise a hit could come on
 * two pages and another on none. Asking again for its first page starts over: then reranking is tried again.
 */
import { LRUCache } from 'lru-cache';
import type { UnrerankedReason } from '../../adapters/adapter.ts';
import type { BlockRankError, Ranking } from '../../engine/index.ts';

/** A list in reranked order. */
export interface RankedDecision {
  /** Tells the two apart. */
  readonly kind: 'ranked';
  /** The order, after score steps. */
  readonly ranking: Ranking;
  /** Whether its candidates carry explanations. */
  readonly isExplained: boolean;
}

/** A list in first-stage order. */
export interface UnrankedDecision {
  /** Tells the two apart. */
  readonly kind: 'unranked';
  /** Why. */
  readonly reason: UnrerankedReason;
  /** What failed. */
  readonly error?: BlockRankError;
}

/** What was decided about a list. */
export type Decision = RankedDecision | UnrankedDecision;

/** Decisions by list. */
export interface RankingMemory {
  /** What this page must follow; absent when it is free, and then its own outcome goes to {@link settle}. */
  binding(key: string, from: number): Decision | undefined;
  /** Keeps the page's own outcome, unless another page's came first: what binds is returned. */
  settle(key: string, from: number, own: Decision): Decision;
  /** Forgets everything. */
  clear(): void;
}

/** Bounds of the memory. */
export interface RankingMemoryOptions {
  /** Lists kept at most. */
  readonly maxEntries: number;
  /** How long, in milliseconds, after a decision was made. */
  readonly ttlMs: number;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

interface Entry {
  readonly decision: Decision;
  /** Whether the first page was given back in this order already. */
  readonly isStartServed: boolean;
}

/** Candidates kept for each of `maxEntries`; longer lists push more of the others out. About 200 bytes each. */
const candidatesAnEntry = 200;
/** What an explained candidate weighs, in plain ones. */
const explainedWeight = 20;

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
    if (!entry || entry.decision.kind === 'ranked' || from > 0) return entry?.decision;
    if (entry.isStartServed) return undefined;
    entries.set(key, { ...entry, isStartServed: true }, { noUpdateTTL: true });
    return entry.decision;
  };
  return {
    binding,
    settle(key, from, own) {
      const bound = binding(key, from);
      if (bound && !(own.kind === 'ranked' && bound.kind === 'ranked' && own.isExplained)) return bound;
      entries.set(key, { decision: own, isStartServed: from === 0 });
      return own;
    },
    clear: () => entries.clear(),
  };
}

/** Remembers nothing: every page stands alone, and pages are consistent only while reranking never fails. */
export const noMemory: RankingMemory = {
  binding: () => undefined,
  settle: (_key, _from, own) => own,
  clear: () => {},
};

function weightOf(decision: Decision): number {
  if (decision.kind === 'unranked') return 1;
  return Math.max(1, decision.ranking.candidates.length * (decision.isExplained ? explainedWeight : 1));
}
