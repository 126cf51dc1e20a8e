/** An adapter over documents at hand: their given order is the first stage's. */
import type { Adapter, HitMark, Outcome, OutcomeMark, Plan } from '../../../adapters/adapter.ts';
import { toSignals } from '../../../adapters/signal-value.ts';
import { type FirstStage, passagesByField, type TextSegment } from '../../../engine/index.ts';

/** One document from arguments, a file or standard input. */
export interface GivenDocument {
  /** Its id; its 1-based rank in the input when it had none. */
  readonly docId: string;
  /** Its title; absent when it has none. */
  readonly title?: string;
  /** Its text; may be empty. */
  readonly text: string;
  /** The score that came with it; absent when none did. */
  readonly firstStageScore?: number;
  /** Its other fields, for signals; absent when it had none. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** A query over documents at hand. */
export interface DocumentsRequest {
  /** The words of the question. */
  readonly query: string;
  /** The documents, in first-stage order. */
  readonly documents: readonly GivenDocument[];
}

/** The documents in their new order. */
export interface DocumentsResponse {
  /** Best first. */
  readonly hits: readonly (GivenDocument & { readonly blockrank?: HitMark })[];
  /** What the stage did; absent before reranking. */
  readonly blockrank?: OutcomeMark;
}

/**
 * Makes an adapter over documents at hand; it searches nothing.
 *
 * @param signals - Fields of the documents that candidates carry as signals.
 */
export function documentsAdapter(
  firstStage: FirstStage = 'unknown',
  signals: readonly string[] = [],
): Adapter<DocumentsRequest, DocumentsResponse> {
  return {
    name: 'documents',
    plan: (request, { rankWindowSize }) => ({
      request,
      original: request,
      page: { from: 0, size: request.documents.length },
      rankWindowSize,
      warnings: [],
      ...(request.documents.length === 0 ? { reason: 'no-hits' } : { query: { text: request.query } }),
    }),
    search: (plan) => Promise.resolve({ hits: plan.request.documents }),
    toShortlist: (plan, { hits }) => ({
      query: { text: plan.request.query },
      firstStage,
      candidates: hits.slice(0, plan.rankWindowSize).map((hit) => ({
        docId: hit.docId,
        ...toText(hit),
        ...(hit.firstStageScore !== undefined && { firstStageScore: hit.firstStageScore }),
        ...(signals.length > 0 && { signals: toSignals(hit.fields ?? {}, signals) }),
      })),
    }),
    applyOutcome,
  };
}

/** The text of a document that the model reads, from title and text, and where each lies in it. */
export function toText({ title, text }: GivenDocument): { text: string; segments: readonly TextSegment[] } {
  if (title === undefined) return { text, segments: [{ field: 'text', start: 0, end: text.length }] };
  const start = title.length + 1;
  const segments = [
    { field: 'title', start: 0, end: title.length },
    { field: 'text', start, end: start + text.length },
  ];
  return { text: `${title} ${text}`, segments };
}

function applyOutcome(
  plan: Plan<DocumentsRequest>,
  response: DocumentsResponse,
  outcome: Outcome,
): DocumentsResponse {
  const { timings, warnings } = outcome;
  if (!outcome.reranked) {
    const { reason, error } = outcome;
    const failure = error && { error: { code: error.code, message: error.message } };
    return { hits: response.hits, blockrank: { reranked: false, reason, ...failure, timings, warnings } };
  }
  const { hits, keepsTail, usage, cached, answerable } = outcome;
  const ranked = hits.map(({ index, logit: _logit, passages, ...mark }, i) => {
    const hit = response.hits[index]!;
    const { firstStageScore } = hit;
    return {
      ...hit,
      blockrank: {
        ...mark,
        rank: i + 1,
        ...(firstStageScore !== undefined && { firstStageScore }),
        ...(passages && { passages: passagesByField(toText(hit), passages) }),
      },
    };
  });
  const tail = keepsTail ? response.hits.slice(plan.rankWindowSize) : [];
  const rankWindowSize = Math.min(plan.rankWindowSize, response.hits.length);
  const { read, stoppedBy } = usage;
  return {
    hits: [...ranked, ...tail],
    blockrank: {
      reranked: true,
      rankWindowSize,
      ...(answerable !== undefined && { answerable }),
      ...(read !== undefined && { read }),
      ...(stoppedBy && { stoppedBy }),
      cached,
      usage,
      timings,
      warnings,
    },
  };
}
