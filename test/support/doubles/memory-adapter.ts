/** A complete little adapter over an array of hits, with faults on demand. */
import type {
  Adapter,
  HitMark,
  MergedSearch,
  Outcome,
  OutcomeMark,
  Plan,
  PlanOptions,
  SecondSearchCall,
  SecondSearchReason,
} from '../../../adapters/adapter.ts';
import { BlockRankError, type FirstStage, FirstStageError, type Shortlist } from '../../../engine/index.ts';

/** A search of a test: every hit of the store matches every query. */
export interface MemoryRequest {
  readonly query?: string;
  readonly from?: number;
  readonly size?: number;
  readonly sort?: string;
  /** What a second search looks for. */
  readonly near?: SecondSearchCall;
}

/** One hit. */
export interface MemoryHit {
  readonly id: string;
  readonly text: string;
  readonly score?: number;
  readonly isPinned?: boolean;
  readonly blockrank?: HitMark;
}

/** The response to a search. */
export interface MemoryResponse {
  readonly total: number;
  readonly hits: readonly MemoryHit[];
  readonly blockrank?: OutcomeMark;
}

/** Options of {@link memoryAdapter}. */
export interface MemoryAdapterOptions {
  /** Runs before each answer (`call` counts from 1): its rejection is the search's failure. */
  readonly fault?: (call: number, request: MemoryRequest, signal: AbortSignal | undefined) => unknown;
  /** The first stage that the hits claim to come from. @defaultValue 'lexical' */
  readonly firstStage?: FirstStage;
  /**
   * What a second search finds by its vector; the adapter can search again where this is given. Its rejection is the
   * search's failure.
   */
  readonly nearest?: (
    wanted: SecondSearchCall,
    signal: AbortSignal | undefined,
  ) => Promise<readonly MemoryHit[]>;
  /** Whether several requests go in one round trip. @defaultValue true */
  readonly hasSearchMany?: boolean;
}

/** A {@link memoryAdapter} that remembers its requests. */
export interface MemoryAdapter extends Adapter<MemoryRequest, MemoryResponse> {
  /** Every request that was sent, in order. */
  readonly sent: readonly MemoryRequest[];
}

const defaultSize = 10;

/** An adapter over these hits, in this order. */
export function memoryAdapter(hits: readonly MemoryHit[], options: MemoryAdapterOptions = {}): MemoryAdapter {
  const sent: MemoryRequest[] = [];
  const answer = async (
    plan: Plan<MemoryRequest>,
    signal: AbortSignal | undefined,
  ): Promise<MemoryResponse> => {
    sent.push(plan.request);
    const { near } = plan.request;
    if (near) return { total: 0, hits: await options.nearest!(near, signal) };
    await options.fault?.(sent.length, plan.original, signal);
    const { from = 0, size = defaultSize } = plan.request;
    return { total: hits.length, hits: hits.slice(from, from + size) };
  };
  const searchMany: NonNullable<MemoryAdapter['searchMany']> = (plans, call = {}) =>
    Promise.all(
      plans.map((plan) =>
        answer(plan, call.signal).catch((error: unknown) => {
          if (error instanceof BlockRankError) return error;
          throw error;
        }),
      ),
    );
  return {
    name: 'memory',
    sent,
    plan: planOf,
    search: (plan, call = {}) => answer(plan, call.signal),
    ...(options.hasSearchMany !== false && { searchMany }),
    toShortlist: (plan, response) => shortlistOf(plan, response, options.firstStage ?? 'lexical'),
    applyOutcome,
    ...(options.nearest && { vectorField: 'anchors', planSecondSearch, mergeSecondSearch }),
  };
}

function planSecondSearch(
  plan: Plan<MemoryRequest>,
  near: SecondSearchCall,
): Plan<MemoryRequest> | SecondSearchReason {
  if (plan.original.query === 'restricted') return 'unknown-restriction';
  return { ...plan, request: { near }, isSecondSearch: true };
}

function mergeSecondSearch(
  plan: Plan<MemoryRequest>,
  response: MemoryResponse,
  second: MemoryResponse,
): MergedSearch<MemoryRequest, MemoryResponse> {
  const window = response.hits.slice(0, plan.rankWindowSize);
  const added = second.hits.filter(({ id }) => !response.hits.some((hit) => hit.id === id));
  const hits = [...window, ...added, ...response.hits.slice(window.length)];
  return {
    plan: { ...plan, rankWindowSize: window.length + added.length, addedHits: added.length },
    response: { ...response, hits },
    added: { ...second, hits: added },
    found: second.hits.length,
  };
}

function planOf(request: MemoryRequest, options: PlanOptions): Plan<MemoryRequest> {
  const { rankWindowSize, queryText = request.query } = options;
  const { from = 0, size = defaultSize } = request;
  const plan = { request, original: request, page: { from, size }, rankWindowSize, warnings: [] };
  if (request.sort !== undefined) return { ...plan, reason: 'explicit-sort' };
  if (size === 0) return { ...plan, reason: 'size-zero' };
  if (from >= rankWindowSize) return { ...plan, reason: 'beyond-window' };
  if (queryText === undefined) return { ...plan, reason: 'no-query-text' };
  const widened = { ...request, from: 0, size: Math.max(from + size, rankWindowSize) };
  return { ...plan, request: widened, query: { text: queryText } };
}

function shortlistOf(plan: Plan<MemoryRequest>, response: MemoryResponse, firstStage: FirstStage): Shortlist {
  if (!Array.isArray(response.hits)) {
    throw new FirstStageError('Cannot read the answer of "memory": it has no hits.', { adapter: 'memory' });
  }
  const window = response.hits.slice(0, plan.rankWindowSize);
  return {
    query: plan.query ?? { text: '' },
    candidates: window.map(({ id, text, score }) => ({
      docId: id,
      text,
      segments: [{ field: 'text', start: 0, end: text.length }],
      ...(score !== undefined && { firstStageScore: score }),
    })),
    firstStage,
    pinned: window.flatMap(({ isPinned }, i) => (isPinned ? [i] : [])),
  };
}

function applyOutcome(plan: Plan<MemoryRequest>, response: MemoryResponse, outcome: Outcome): MemoryResponse {
  const { from, size } = plan.page;
  const start = plan.request === plan.original ? 0 : from;
  const all = outcome.reranked ? reordered(plan, response, outcome) : response.hits;
  const { timings } = outcome;
  const mark: OutcomeMark = outcome.reranked
    ? {
        reranked: true,
        ...(outcome.usage.read !== undefined && { read: outcome.usage.read }),
        ...(outcome.usage.stoppedBy && { stoppedBy: outcome.usage.stoppedBy }),
        cached: outcome.cached,
        usage: outcome.usage,
        ...(outcome.routed && { routed: outcome.routed }),
        ...(outcome.secondSearch && { secondSearch: outcome.secondSearch }),
        timings,
      }
    : {
        reranked: false,
        reason: outcome.reason,
        ...(outcome.error && { error: { code: outcome.error.code, message: outcome.error.message } }),
        timings,
      };
  return { ...response, hits: all.slice(start, start + size), blockrank: mark };
}

function reordered(
  plan: Plan<MemoryRequest>,
  response: MemoryResponse,
  outcome: Extract<Outcome, { reranked: true }>,
): readonly MemoryHit[] {
  const ranked = outcome.hits.map(
    ({ index, score, calibratedScore, firstStageRank, explanation, isRead, fromSecondSearch }, i) => {
      const hit = response.hits[index]!;
      return {
        ...hit,
        blockrank: {
          rank: i + 1,
          score,
          firstStageRank,
          ...(calibratedScore !== undefined && { calibratedScore }),
          ...(isRead === false && { isRead }),
          ...(fromSecondSearch && { fromSecondSearch }),
          ...(hit.score !== undefined && { firstStageScore: hit.score }),
          ...(explanation && { explanation }),
        },
      };
    },
  );
  return outcome.keepsTail ? [...ranked, ...response.hits.slice(plan.rankWindowSize)] : ranked;
}
