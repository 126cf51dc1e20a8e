/** What the rules of the adapters' conformance suite share. */
import assert from 'node:assert/strict';
import type { Outcome, Plan, RankedHit } from '../../adapters/adapter.ts';
import { type CandidateSignals, FirstStageError, type Shortlist } from '../../engine/index.ts';
import { type SuiteDocument, suiteDocuments } from './adapter-documents.ts';
import type { SuiteHit, SuiteSubject, SuiteWish } from './adapter-subject.ts';

/** An adapter of any kind. */
export type Subject = SuiteSubject<unknown, unknown>;

/** The window that the rules plan with, unless they say otherwise. */
export const rankWindowSize = 12;
/** Any times. */
export const timings = { firstStageMs: 1, rerankMs: 1, totalMs: 2 };
/** Any cost. */
export const usage = { tokens: 10, truncatedTokens: 0, statesFound: 0, statesEncoded: 2 };

/** One search, as far as its shortlist. */
export interface Searched {
  /** What was sent. */
  readonly plan: Plan<unknown>;
  /** What came back. */
  readonly response: unknown;
  /** What was read from it. */
  readonly shortlist: Shortlist;
  /** The first stage's whole list. */
  readonly firstStageIds: readonly string[];
}

/** Searches for the wish, and for the first stage's whole list beside it. */
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

/** The wish's page in reversed order, after a look at the texts that were read for it. */
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

/** What a store keeps of a document: all but its id. */
export function storedForm({ docId: _docId, ...fields }: Partial<SuiteDocument>): unknown {
  return fields;
}

/** What the adapter under test must carry of a document, once it is told to. */
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

/** What the adapter under test must make of a document. */
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
