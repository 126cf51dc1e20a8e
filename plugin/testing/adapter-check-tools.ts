/** Tools that the rules of the adapters' conformance suite share. */
import assert from 'node:assert/strict';
import type { Outcome, Plan, RankedHit } from '../../adapters/adapter.ts';
import { type CandidateSignals, FirstStageError, type Shortlist } from '../../engine/index.ts';
import { type SuiteDocument, suiteDocuments } from './adapter-documents.ts';
import type { SuiteHit, SuiteSubject, SuiteWish } from './adapter-subject.ts';

/** An adapter of any kind. */
export type Subject = SuiteSubject<unknown, unknown>;

/** The window that the rules plan with by default. */
export const rankWindowSize = 12;
/** Arbitrary timings. */
export const timings = { firstStageMs: 1, rerankMs: 1, totalMs: 2 };
/** An arbitrary usage. */
export const usage = { tokens: 10, truncatedTokens: 0, statesFound: 0, statesEncoded: 2 };

/** One search, up to its shortlist. */
export interface Searched {
  /** The plan that was sent. */
  readonly plan: Plan<unknown>;
  /** The server's response. */
  readonly response: unknown;
  /** The shortlist that the adapter read from it. */
  readonly shortlist: Shortlist;
  /** The first stage's whole list. */
  readonly firstStageIds: readonly string[];
}

/** Searches for the wish, and also fetches the first stage's whole list. */
export async function searched(
  { adapter, request, hits }: Subject,
  wish: SuiteWish,
  window: number = rankWindowSize,
): Promise<Searched> {
  const whole = adapter.plan(request({ query: wish.query, size: 50 }), { rankWindowSize: 50 });
  const firstStageIds = hits(await adapter.search(whole)).map(({ docId }) => docId);
  const plan = adapter.plan(request(wish), { rankWindowSize: window });
  const response = await adapter.search(plan);
  return { plan, response, shortlist: adapter.toShortlist(plan, response), firstStageIds };
}

/** The wish's page in reversed order; asserts the shortlist's texts first. */
export async function rerankedPage(subject: Subject, wish: SuiteWish): Promise<readonly SuiteHit[]> {
  const { plan, response, shortlist } = await searched(subject, wish);
  for (const { docId, text } of shortlist.candidates) assert.equal(text, textOf(documentOf(docId)), docId);
  return subject.hits(subject.adapter.applyOutcome(plan, response, reversed(shortlist)));
}

/** An outcome with a ranking. */
export type Reranked = Extract<Outcome, { readonly reranked: true }>;

/** The shortlist upside down, with scores that sum to 1. */
export function reversed({ candidates }: Shortlist): Reranked {
  const count = candidates.length;
  const hits = candidates.map((_, place): RankedHit => {
    const index = count - 1 - place;
    return {
      index,
      logit: -place,
      score: (2 * (count - place)) / (count * (count + 1)),
      firstStageRank: index + 1,
    };
  });
  return { reranked: true, hits, keepsTail: true, usage, cached: false, timings, warnings: [] };
}

/** An outcome without a ranking. */
export function kept(reason: Extract<Outcome, { readonly reranked: false }>['reason']): Outcome {
  return { reranked: false, reason, timings, warnings: [] };
}

/** The adapter's `searchMany`, which must be there. */
export function searchManyOf(adapter: Subject['adapter']): NonNullable<Subject['adapter']['searchMany']> {
  assert.ok(adapter.searchMany, 'expected searchMany; an adapter without it declares a skip');
  return adapter.searchMany.bind(adapter);
}

/** Asserts that an error is the adapter's own. */
export function isFirstStageError(adapter: string): (error: unknown) => error is FirstStageError {
  return (error): error is FirstStageError => {
    assert.ok(error instanceof FirstStageError, `expected a FirstStageError, got ${String(error)}`);
    assert.equal(error.adapter, adapter);
    return true;
  };
}

/** The suite's document with this id. */
export function documentOf(docId: string): SuiteDocument {
  const found = suiteDocuments.find((document) => document.docId === docId);
  assert.ok(found, `expected one of the suite's documents, got "${docId}"`);
  return found;
}

/** The part of a document that a store keeps: all fields but its id. */
export function storedForm({ docId: _docId, ...fields }: Partial<SuiteDocument>): unknown {
  return fields;
}

/** The signals of a document that the adapter under test must carry when its options name them. */
export function signalsOf({ year, published, inStock, tags, place }: SuiteDocument): CandidateSignals {
  return {
    year,
    published: published ?? null,
    inStock: inStock === undefined ? null : Number(inStock),
    tags: tags?.length === 1 ? tags[0]! : (tags ?? null),
    place: place ? `${place.lat},${place.lon}` : null,
    nothing: null,
  };
}

/** A body as text. */
export function bodyOf(body: SuiteDocument['body']): string {
  return body === undefined ? '' : [body].flat().join(' ');
}

/** The text that the adapter under test must make of a document. */
export function textOf({ title, body }: SuiteDocument): string {
  return [title, bodyOf(body)].filter((part) => part !== '').join(' ');
}

/** The value itself, unchangeable; bytes cannot be frozen. */
export function deepFreeze<T>(value: T): T {
  if (ArrayBuffer.isView(value)) return value;
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
