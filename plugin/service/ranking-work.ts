/** Turns an ask into a ranking: a remembered one, one shared with an identical request, or a new one in its turn. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { toSignals } from '../../adapters/signal-value.ts';
import {
  applySteps,
  defaultScoreSteps,
  isReadToEnd,
  QueryError,
  type Ranking,
  type RerankOptions,
  type Shortlist,
} from '../../engine/index.ts';
import { assertRead } from '../guard/assert-read.ts';
import { checkedRanking } from '../guard/check-ranking.ts';
import { languageGuard } from '../guard/language-guard.ts';
import { type SharedCalls, sharedCalls } from '../guard/shared-calls.ts';
import type { Admission } from './admission.ts';
import type { Answer, Ask, Ranked } from './ask.ts';
import { ServiceFault } from './fault.ts';
import type { Generation, ServedModel } from './generation.ts';
import { anonymous, type Caller } from './keys.ts';
import type { ServiceMetrics } from './metrics.ts';
import { servedScores } from './served-scores.ts';

/** One request to rank. */
export interface Work {
  /** The request's content. */
  readonly ask: Ask;
  /** The caller of the request. */
  readonly caller: Caller;
  /** The configuration under which the request arrived. */
  readonly generation: Generation;
  /** The model that answers the request. */
  readonly model: ServedModel;
  /** Ends the work: the caller went away, or the request's time ran out. */
  readonly signal: AbortSignal;
  /** Time that is left, in milliseconds. */
  readonly leftMs: () => number;
}

/** Ranks asks. */
export interface RankingWork {
  /** The ranking, and whether it was remembered. @throws ServiceFault @throws the reranker's own errors */
  rank(work: Work): Promise<Ranked & Pick<Answer, 'cache'>>;
}

type Cache = LRUCache<string, Ranked>;

/** Opens an empty memory of rankings before the admission. */
export function rankingWork(admission: Admission, metrics: ServiceMetrics): RankingWork {
  const calls = sharedCalls<Ranked>();
  /** The work that began the call of each key: the ranking gets that work's time. */
  const beginners = new Map<string, Work>();
  let cache: { readonly of: Generation; readonly entries: Cache | undefined } | undefined;
  const cacheOf = (generation: Generation): Cache | undefined => {
    // A new configuration gets a new memory: its models may differ under the same name.
    if (cache?.of !== generation) {
      cache?.entries?.clear();
      cache = { of: generation, entries: openCache(generation) };
    }
    return cache.entries;
  };
  const rank: RankingWork['rank'] = async (work) => {
    const key = digestOf(work);
    const entries = cacheOf(work.generation);
    const known = entries?.get(key);
    if (known) return tell(metrics, work, known, 'hit');
    const joined = join(calls, key, work, async (signal) => {
      beginners.set(key, work);
      const entrant = { signal, leftMs: work.leftMs(), model: work.model.name };
      try {
        const ranked = await admission.run(entrant, () => rankNow(work, signal));
        // A later request may have the time to read more.
        if (!ranked.ranking || isReadToEnd(ranked.ranking.usage)) entries?.set(key, ranked);
        note(metrics, work, ranked);
        return ranked;
      } finally {
        if (beginners.get(key) === work) beginners.delete(key);
      }
    });
    const beginner = beginners.get(key);
    try {
      const { ranked, isOwn } = await joined;
      return tell(metrics, work, ranked, isOwn ? 'miss' : 'coalesced');
    } catch (error) {
      // A shared call has only the time of the work that began it; this work may have more.
      const isOver = !beginner || beginner === work || beginner.leftMs() > 0 || work.signal.aborted;
      if (isOver) throw error;
      return rank(work);
    }
  };
  return { rank };
}

async function join(
  calls: SharedCalls<Ranked>,
  key: string,
  { signal }: Work,
  start: (signal: AbortSignal) => Promise<Ranked>,
): Promise<{ ranked: Ranked; isOwn: boolean }> {
  let isOwn = false;
  const ranked = await calls.join(key, signal, (shared) => {
    isOwn = true;
    return start(shared);
  });
  return { ranked, isOwn };
}

function openCache({ settings: { cache } }: Generation): Cache | undefined {
  if (!cache) return undefined;
  return new LRUCache<string, Ranked>({
    max: cache.maxEntries,
    maxSize: cache.maxCandidates,
    sizeCalculation: candidatesOf,
    ttl: cache.ttlMs,
    // Frees the memory of entries that are too old, even when no request asks for them again.
    ttlAutopurge: true,
  });
}

/** The weight of an answer in memory: one for each candidate, and one for each span that its explanation names. */
function candidatesOf({ ranking, scores }: Ranked): number {
  const spans = (ranking?.candidates ?? []).map(({ explanation }) => explanation?.spans.length ?? 0);
  return spans.reduce((sum, count) => sum + count, Math.max(1, scores.length));
}

/**
 * Digest of everything that an answer depends on; the tenant too, so that no tenant learns from timing what another
 * asked.
 */
function digestOf({ ask, caller, generation, model }: Work): string {
  const { encodingDigest, readoutDigest, name } = model.reranker.info;
  const { query, instruction, documents } = ask;
  const of = generation.settings.maxTokens;
  const isOrdered = generation.settings.orderSteps.length > 0;
  // Ids and fields change no ranking unless signals look at them.
  const texts = documents.map(({ text, firstStageScore, signals, id }) =>
    isOrdered ? [text, firstStageScore, id, signals] : [text, firstStageScore],
  );
  return createHash('sha256')
    .update(
      JSON.stringify([
        caller.tenant,
        model.name,
        name,
        encodingDigest,
        readoutDigest,
        of,
        wantsMasses(ask),
        query,
        texts,
        instruction,
      ]),
    )
    .digest('base64');
}

/** Passages are made from explanations. */
const wantsMasses = ({ explain, passages }: Ask): boolean => explain || passages !== undefined;

async function rankNow(work: Work, signal: AbortSignal): Promise<Ranked> {
  const { ask, model, caller, leftMs } = work;
  assertInstruction(work);
  const { orderSteps, orderFields, languageGuard: isGuarded } = work.generation.settings;
  const shortlist = toShortlist(ask, orderFields);
  await assertTokens(work, shortlist, signal);
  const texts = ask.documents.map(({ text }) => text);
  const { reranker } = model;
  const guard = languageGuard(isGuarded ? reranker.info.languages : []);
  if (await guard.isForeign(shortlist)) return unranked('language', texts);
  try {
    const time = timeOf(work);
    const tenant = caller === anonymous ? undefined : caller.tenant;
    const found = await reranker.rerank(shortlist, {
      signal,
      explain: wantsMasses(ask),
      ...time,
      ...(tenant !== undefined && { tenant }),
    });
    const checked = checkedRanking(found, texts.length, reranker.info);
    assertRead(checked, { ...time, elapsedMs: time.deadlineMs - leftMs() });
    const steps = [...defaultScoreSteps(reranker.info), ...orderSteps];
    const ranking = await applySteps(checked, shortlist, { steps, reranker, signal, tenant });
    return { ranking, scores: servedScores(ranking, texts) };
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    return unranked('no-query-text', texts);
  }
}

/** The time of one ranking: all that is left, and the share of it in which documents are read. */
function timeOf({
  leftMs,
  generation,
}: Work): Required<Pick<RerankOptions, 'deadlineMs'>> & Pick<RerankOptions, 'readWithinMs'> {
  const { readingShare } = generation.settings;
  const deadlineMs = leftMs();
  return { deadlineMs, ...(readingShare !== false && { readWithinMs: readingShare * deadlineMs }) };
}

/** The answer to a list that is not ranked: the request's order. */
function unranked(reason: NonNullable<Ranked['reason']>, texts: readonly string[]): Ranked {
  return { reason, scores: servedScores(inOrder(texts.length), texts) };
}

/** The ranking of a list that is not ranked: the documents in the order of the request. */
function inOrder(count: number): Ranking {
  const candidates = Array.from({ length: count }, (_, index) => ({ index, logit: -index, score: 0 }));
  return { candidates, usage: { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 } };
}

/** The shortlist of an ask; first-stage scores count, as lexical ones, where every document has one. */
function toShortlist({ query, instruction, documents }: Ask, fields: readonly string[]): Shortlist {
  const isScored = documents.every(({ firstStageScore }) => firstStageScore !== undefined);
  return {
    query: { text: query, ...(instruction !== undefined && { instruction }) },
    firstStage: isScored ? 'lexical' : 'unknown',
    candidates: documents.map(({ text, id = '', firstStageScore, signals = {} }) => ({
      docId: id,
      text,
      segments: [{ field: 'text', start: 0, end: text.length }],
      ...(firstStageScore !== undefined && { firstStageScore }),
      ...(fields.length > 0 && { signals: toSignals(signals, fields) }),
    })),
  };
}

/** Refuses an instruction that would have no effect. */
function assertInstruction({ ask, model }: Work): void {
  if (ask.instruction === undefined || model.reranker.info.takesInstructions) return;
  throw new ServiceFault(
    'invalid',
    `Cannot read the request: instruction: expected none, for the model "${model.name}" reads none.`,
  );
}

/** Refuses a request with too many tokens. A token stands for at least one byte, so most requests need no counting. */
async function assertTokens(
  { model, generation }: Work,
  shortlist: Shortlist,
  signal: AbortSignal,
): Promise<void> {
  const { maxTokens } = generation.settings;
  const { text, instruction = '' } = shortlist.query;
  const texts = [text, instruction, ...shortlist.candidates.map(({ text }) => text)];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  if (bytes <= maxTokens || !model.reranker.countTokens) return;
  const tokens = await model.reranker.countTokens(shortlist, { signal });
  if (tokens <= maxTokens) return;
  throw new ServiceFault(
    'too-many-tokens',
    `The request holds ${tokens} tokens; at most ${maxTokens} are accepted. Send fewer or shorter documents.`,
  );
}

function tell(
  { cache }: ServiceMetrics,
  { ask, model }: Work,
  ranked: Ranked,
  result: Answer['cache'],
): Ranked & Pick<Answer, 'cache'> {
  cache.inc({ model: model.name, result });
  if (ask.refusesTruncation && (ranked.ranking?.usage.truncatedTokens ?? 0) > 0) {
    throw new ServiceFault(
      'truncated',
      'A text is longer than the model reads, and the request allows no truncation. Allow it, or send shorter texts.',
    );
  }
  return { ...ranked, cache: result };
}

function note(metrics: ServiceMetrics, { ask, model: { name: model } }: Work, { ranking }: Ranked): void {
  metrics.documents.inc({ model }, ask.documents.length);
  if (!ranking) return;
  const { tokens, truncatedTokens, statesFound, statesEncoded, read } = ranking.usage;
  if (read !== undefined && !isReadToEnd(ranking.usage))
    metrics.unreadDocuments.inc({ model }, ask.documents.length - read);
  metrics.tokens.inc({ model }, tokens);
  metrics.truncatedTokens.inc({ model }, truncatedTokens);
  metrics.states.inc({ model, result: 'found' }, statesFound);
  metrics.states.inc({ model, result: 'encoded' }, statesEncoded);
  const { routed } = ranking;
  if (routed) metrics.routed.inc({ model, reranker: routed.to, reason: routed.reason });
}
