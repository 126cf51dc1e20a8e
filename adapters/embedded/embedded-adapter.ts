/** The adapter over our own in-memory index, without a server. */
import {
  type Candidate,
  type CandidateSignals,
  ConfigurationError,
  checkOptionNames,
  FirstStageError,
  type Shortlist,
} from '../../engine/index.ts';
import type { Adapter, HitMark, Outcome, OutcomeMark, Plan, PlanOptions } from '../adapter.ts';
import type { DocumentText } from '../document-text.ts';
import { type ApartField, apartFields, fieldTextsOf } from '../fields-apart.ts';
import { arrangeHits, toOutcomeMark } from '../outcome-marks.ts';
import { toSignals } from '../signal-value.ts';
import { hasWord } from '../words.ts';
import {
  buildEmbeddedIndex,
  defaultFields,
  documentTextOf,
  type EmbeddedDocument,
  type EmbeddedIndex,
  type EmbeddedIndexOptions,
  embeddedIndexOptionNames,
} from './index-of-documents.ts';

/** A search of the embedded index. */
export interface EmbeddedRequest {
  /** The question in words. */
  readonly query: string;
  /** 0-based index of the page's first hit. @defaultValue 0 */
  readonly from?: number | undefined;
  /** Hits of the page. @defaultValue 10 */
  readonly size?: number | undefined;
}

/** One hit. */
export interface EmbeddedHit {
  /** The document's id. */
  readonly docId: string;
  /** The document's name; empty when it has none. */
  readonly title: string;
  /** The document's text; empty when it has none. */
  readonly text: string;
  /** BM25+ score; once reranked, the new score, in [0, 1]. */
  readonly score: number;
  /** The signals that the adapter's options name; absent on hits that a stage has seen. */
  readonly signals?: CandidateSignals;
  /** The hit's ranks and scores before and after; absent on hits that were not reranked. */
  readonly blockrank?: HitMark;
}

/** What a search of the embedded index gives. */
export interface EmbeddedResponse {
  /** The page's hits, best first. */
  readonly hits: readonly EmbeddedHit[];
  /** How many documents match. */
  readonly total: number;
  /** What the stage did; absent on a response that no stage has seen. */
  readonly blockrank?: OutcomeMark;
}

/** An index that the caller has built already. */
export interface GivenIndex {
  /** Made by `buildEmbeddedIndex` or `loadEmbeddedIndex`. */
  readonly index: EmbeddedIndex;
}

/** Options of {@link embeddedAdapter}: an index, or the documents to build one from at the first search. */
export type EmbeddedAdapterOptions = (GivenIndex | EmbeddedIndexOptions) & {
  /** Tells which hits keep their ranks. @defaultValue none */
  readonly isPinned?: ((hit: EmbeddedHit) => boolean) | undefined;
  /** Names among the documents' own `signals` that candidates carry, for score steps. @defaultValue `[]` */
  readonly signals?: readonly string[] | undefined;
  /**
   * The title and the text as fields that are scored by themselves, in place of the joined text: a document ranks by the
   * best of them. A name is `title` or `text`, with a weight in short as `title^2`. @defaultValue `[]`: the joined text is
   * scored
   */
  readonly fieldsApart?: readonly (string | ApartField)[] | undefined;
};

/** The embedded adapter, with its index at hand. */
export interface EmbeddedAdapter extends Adapter<EmbeddedRequest, EmbeddedResponse> {
  /** The index; the first call, or the first search, builds it. */
  openIndex(): Promise<EmbeddedIndex>;
  /** Runs several plans; an aborted call rejects with the signal's reason. */
  searchMany: NonNullable<Adapter<EmbeddedRequest, EmbeddedResponse>['searchMany']>;
}

const defaultSize = 10;
const what = 'Cannot make embeddedAdapter';

/**
 * An adapter that needs no server. The first search indexes the documents; to show progress, or to keep the index on
 * disk, build the index with `buildEmbeddedIndex` and pass it as `index`.
 *
 * @throws ConfigurationError when neither an index nor documents are given, or for an unknown option.
 *
 * @example const adapter = embeddedAdapter({ documents: [{ docId: '1', title: 'astronomer', text: 'a physicist who
 * studies astronomy' }] });
 */
export function embeddedAdapter(options: EmbeddedAdapterOptions): EmbeddedAdapter {
  const { isPinned = () => false, signals = [], fieldsApart = [], ...indexOptions } = options;
  const known = 'index' in options ? ({ index: true } as const) : embeddedIndexOptionNames;
  checkOptionNames(what, options, { ...known, isPinned: true, signals: true, fieldsApart: true });
  checkSignals(signals);
  const apart = apartFields(fieldsApart, what);
  checkApart(apart);
  const openIndex = indexOpener(indexOptions as GivenIndex | EmbeddedIndexOptions);
  const textOf = documentTextOf(
    'index' in options ? options.index.fields : (options.fields ?? defaultFields),
  );
  const reading: Reading = { textOf, isPinned, apart };
  const search: EmbeddedAdapter['search'] = async ({ request }, { signal } = {}) => {
    signal?.throwIfAborted();
    const index = await openIndex();
    signal?.throwIfAborted();
    return searchIndex(index, request, signals);
  };
  return {
    name: 'embedded',
    openIndex,
    plan: planEmbedded,
    search,
    searchMany: (plans, call) => Promise.all(plans.map((plan) => search(plan, call))),
    toShortlist: (plan, response) => shortlistOf(plan, response, reading),
    applyOutcome: (plan, response, outcome) =>
      applyOutcome(plan, response, outcome, () => shortlistOf(plan, response, reading)),
  };
}

function indexOpener(options: GivenIndex | EmbeddedIndexOptions): () => Promise<EmbeddedIndex> {
  if ('index' in options) return async () => options.index;
  if (!('documents' in options)) {
    throw new ConfigurationError(what, [
      { path: 'documents', message: 'expected documents, or an index made by buildEmbeddedIndex' },
    ]);
  }
  let index: Promise<EmbeddedIndex> | undefined;
  return () => {
    index ??= buildEmbeddedIndex(options);
    return index;
  };
}

/** @throws RangeError for a page that cannot be. */
function planEmbedded(request: EmbeddedRequest, options: PlanOptions): Plan<EmbeddedRequest> {
  const { rankWindowSize, queryText = request.query } = options;
  const { from = 0, size = defaultSize } = request;
  for (const [name, value] of Object.entries({ from, size })) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`embeddedAdapter.plan: expected ${name} to be an integer from 0, got ${value}.`);
    }
  }
  const plan = { request, original: request, page: { from, size }, rankWindowSize, warnings: [] };
  if (size === 0) return { ...plan, reason: 'size-zero' };
  if (from >= rankWindowSize) return { ...plan, reason: 'beyond-window' };
  if (typeof queryText !== 'string' || !hasWord(queryText)) return { ...plan, reason: 'no-query-text' };
  const depth = Math.max(from + size, rankWindowSize);
  const sent = from === 0 && size === depth ? request : { ...request, from: 0, size: depth };
  return { ...plan, request: sent, query: { text: queryText } };
}

function searchIndex(
  index: EmbeddedIndex,
  { query, from = 0, size = defaultSize }: EmbeddedRequest,
  signals: readonly string[],
): EmbeddedResponse {
  const { matches, total } = index.search(query, from + size);
  const hits = matches.slice(from).map(({ document, score }) => {
    const { docId, title = '', text = '' } = document;
    const hit = { docId, title, text, score };
    return signals.length === 0 ? hit : { ...hit, signals: toSignals(document.signals ?? {}, signals) };
  });
  return { hits, total };
}

/** @throws ConfigurationError for values that are no names. */
function checkSignals(signals: unknown): void {
  if (Array.isArray(signals) && signals.every((name) => typeof name === 'string' && name !== '')) return;
  throw new ConfigurationError(what, [
    { path: 'signals', message: `expected names of fields, got ${JSON.stringify(signals)}` },
  ]);
}

/** @throws ConfigurationError for fields that documents do not have, and for values of a field that is one text. */
function checkApart(fields: readonly ApartField[]): void {
  const issues = fields.flatMap(({ name, each }, i) => {
    if (['title', 'text'].includes(name) && !each) return [];
    const got = `${name}${each ? '[]' : ''}`;
    return [
      { path: `fieldsApart[${i}]`, message: `expected "title" or "text", each one text, got "${got}"` },
    ];
  });
  if (issues.length > 0) throw new ConfigurationError(what, issues);
}

/** How hits become candidates. */
interface Reading {
  readonly textOf: (document: EmbeddedDocument) => DocumentText;
  readonly isPinned: (hit: EmbeddedHit) => boolean;
  readonly apart: readonly ApartField[];
}

function shortlistOf(
  plan: Plan<EmbeddedRequest>,
  response: EmbeddedResponse,
  { textOf, isPinned, apart }: Reading,
): Shortlist {
  const window = hitsOf(response).slice(0, plan.rankWindowSize);
  const pinned = window.flatMap((hit, i) => (isPinned(hit) ? [i] : []));
  return {
    query: plan.query ?? { text: '' },
    candidates: window.map((hit): Candidate => {
      return {
        docId: hit.docId,
        ...textOf(hit),
        ...(hit.score !== undefined && { firstStageScore: hit.score }),
        ...(hit.signals && { signals: hit.signals }),
        ...(apart.length > 0 && { fieldTexts: fieldTextsOf({ _source: hit }, apart) }),
      };
    }),
    firstStage: 'lexical',
    ...(pinned.length > 0 && { pinned }),
  };
}

/** @throws FirstStageError when the value is no search response. */
function hitsOf(response: EmbeddedResponse): readonly EmbeddedHit[] {
  if (Array.isArray(response?.hits)) return response.hits;
  throw new FirstStageError(
    'Cannot read the answer of "embedded": expected { hits: [...] }, as its search gives it.',
    {
      adapter: 'embedded',
    },
  );
}

function applyOutcome(
  plan: Plan<EmbeddedRequest>,
  response: EmbeddedResponse,
  outcome: Outcome,
  shortlist: () => Shortlist,
): EmbeddedResponse {
  const hits = hitsOf(response);
  const blockrank = toOutcomeMark(outcome, Math.min(hits.length, plan.rankWindowSize));
  if (plan.reason !== undefined) return { ...response, blockrank };
  const { from, size } = plan.page;
  if (!outcome.reranked) {
    return { ...response, hits: hits.slice(from, from + size).map(withoutSignals), blockrank };
  }
  const window = {
    size: Math.min(hits.length, plan.rankWindowSize),
    candidates: () => shortlist().candidates,
  };
  const ranked = arrangeHits(hits, window, outcome, ({ score }) => score);
  const page = ranked
    .slice(from, from + size)
    .map(({ hit, mark }) => ({ ...withoutSignals(hit), score: mark.score, blockrank: mark }));
  return { ...response, hits: page, blockrank };
}

/** Signals are for score steps alone, so the response does not carry them. */
function withoutSignals({ signals: _signals, ...hit }: EmbeddedHit): EmbeddedHit {
  return hit;
}
