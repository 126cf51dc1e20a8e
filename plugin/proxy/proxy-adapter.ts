/**
 * The adapter of the proxy: searches and answers as they stand on the wire, which is the same for both servers. A
 * reordered answer keeps the bytes of each of its hits.
 */
import type { HitMark, Outcome, Plan, PlanWarning, SearchReader } from '../../adapters/adapter.ts';
import {
  elementsOf,
  isObject,
  type JsonObject,
  membersOf,
  respell,
  type SearchBodyOptions,
  type SearchBodyReader,
  Spelled,
  searchBodySettings,
  searchReader,
  sidecarReader,
  startOfValue,
  toBytes,
} from '../../adapters/search-body/index.ts';
import { proxyOptions } from '../options/proxy-options.ts';

/** A search: parameters of the address, `index`, and the `body` apart. */
export type WireSearch = JsonObject;

/** The body of an answer, parsed. */
export type WireAnswer = JsonObject;

/** Fetches documents by id, as a multi-get does, with a caller's own headers; resolves with the answer's body. */
export type CallerFetch = (docs: readonly JsonObject[], signal: AbortSignal | undefined) => Promise<unknown>;

/** Options of {@link proxyAdapter}: where the texts lie, and which marks an answer gets. */
export interface ProxyAdapterOptions extends SearchBodyOptions {
  /** Name of the cluster in metrics and errors. @defaultValue 'cluster' */
  readonly server?: string | undefined;
  /** Whether answers and hits get the stage's marks, as their property `blockrank`. @defaultValue true */
  readonly marks?: boolean | undefined;
  /** Which number a hit carries as `_score`: the cluster's own, to the byte, or the reranker's. @defaultValue 'first-stage' */
  readonly scores?: 'first-stage' | 'reranked' | undefined;
}

/**
 * Reads searches and answers, and remembers the bytes of the answers that it has read; the proxy sends with each
 * caller's own headers.
 */
export interface ProxyAdapter extends SearchReader<WireSearch, WireAnswer> {
  /** The change of the plan that the cluster refused, as of any adapter; this adapter always has the method. */
  refusedChanges(plan: Plan<WireSearch>, answer: WireAnswer | Error): PlanWarning | undefined;
  /**
   * Reads the answer to a search; `fetch` asks on behalf of the same caller. @throws SyntaxError when the bytes are no
   * JSON object.
   */
  read(bytes: Buffer, fetch?: CallerFetch): WireAnswer;
  /**
   * Reads the answer to a multi-search, with its `responses`. @throws SyntaxError when the bytes are no JSON object.
   */
  readMany(bytes: Buffer, fetch?: CallerFetch): WireAnswer;
  /** The bytes of an answer that this adapter has read, or that {@link SearchReader.applyOutcome} made of one. */
  spell(answer: WireAnswer): Buffer;
}

/**
 * Makes the adapter over which the proxy's stage runs.
 *
 * @throws ConfigurationError for an impossible option.
 */
export function proxyAdapter(options: ProxyAdapterOptions): ProxyAdapter {
  const {
    server = 'cluster',
    marks = proxyOptions.marks.default,
    scores = proxyOptions.scores.default,
    ...rest
  } = options;
  const settings = searchBodySettings(rest, { adapter: server, layout: 'body' });
  const inner = searchReader<WireSearch, WireAnswer>(settings);
  const spelled = new WeakMap<object, string>();
  const fetches = new WeakMap<object, CallerFetch>();
  const withSidecar = sidecarReader(settings);
  const parse = (bytes: Buffer): { readonly answer: JsonObject; readonly text: string } => {
    const answer: unknown = JSON.parse(bytes.toString('utf8'));
    if (!isObject(answer)) throw new SyntaxError('expected a JSON object');
    const text = bytes.toString('latin1');
    spelled.set(answer, text);
    return { answer, text };
  };
  return {
    name: inner.name,
    plan: (request, planOptions) => inner.plan(request, planOptions),
    refusedChanges: (plan, answer) => inner.refusedChanges(plan, answer),
    toShortlist: (plan, answer) => inner.toShortlist(plan, answer),
    ...(withSidecar && {
      async addStates(found, { signal } = {}) {
        const fetch = fetches.get(found.response);
        return fetch ? withSidecar(found, (docs) => fetch(docs, signal)) : found.shortlist;
      },
    }),
    ...(inner.vectorField !== undefined && { vectorField: inner.vectorField }),
    planSecondSearch: (plan, wanted) => inner.planSecondSearch(plan, wanted),
    mergeSecondSearch(plan, answer, second) {
      const merged = inner.mergeSecondSearch(plan, answer, second);
      spellMerged(spelled, { plan, answer, second, merged });
      const fetch = fetches.get(answer);
      for (const response of [merged.response, merged.added]) if (fetch) fetches.set(response, fetch);
      return merged;
    },
    applyOutcome(plan, answer, outcome) {
      const bytes = spelled.get(answer);
      // A plan with a reason sent the caller's own search, and its answer goes back unchanged.
      if (plan.reason !== undefined || bytes === undefined) return answer;
      const ranked = inner.applyOutcome(plan, answer, outcome);
      const after = inOrder(answer, ranked, plan, { outcome, marks, scores, bytes });
      spelled.set(ranked, respell(bytes, wholeOf(bytes), answer, after));
      return ranked;
    },
    read(bytes, fetch) {
      const { answer } = parse(bytes);
      if (fetch) fetches.set(answer, fetch);
      return answer;
    },
    readMany(bytes, fetch) {
      const { answer, text } = parse(bytes);
      const responses = answer['responses'];
      const member = membersOf(text, startOfValue(text)).findLast(({ key }) => key === 'responses');
      if (!Array.isArray(responses) || !member) return answer;
      const slices = elementsOf(text, member.value.start);
      for (const [i, response] of responses.entries()) {
        if (!isObject(response)) continue;
        spelled.set(response, text.slice(slices[i]!.start, slices[i]!.end));
        if (fetch) fetches.set(response, fetch);
      }
      return answer;
    },
    spell: (answer) => Buffer.from(bytesOf(answer, spelled), 'latin1'),
  };
}

/** A multi-search's answer, put together from single ones, takes its bytes from them. */
function bytesOf(answer: JsonObject, spelled: WeakMap<object, string>): string {
  const known = spelled.get(answer);
  if (known !== undefined) return known;
  const members = Object.entries(answer).map(([key, value]) => {
    const list = key === 'responses' && Array.isArray(value) ? (value as readonly unknown[]) : undefined;
    const entries = list?.map(
      (entry) => (isObject(entry) ? spelled.get(entry) : undefined) ?? toBytes(entry),
    );
    return `${toBytes(key)}:${entries ? `[${entries.join(',')}]` : toBytes(value)}`;
  });
  return `{${members.join(',')}}`;
}

function wholeOf(bytes: string): { readonly start: number; readonly end: number } {
  return { start: startOfValue(bytes), end: bytes.length };
}

interface Placing {
  readonly outcome: Outcome;
  readonly marks: boolean;
  readonly scores: 'first-stage' | 'reranked';
  /** The answer's bytes. */
  readonly bytes: string;
}

interface HitList {
  readonly hits: readonly JsonObject[];
  readonly max_score?: unknown;
}

/** The answer in its new order, with each hit spelled from its original bytes. */
function inOrder(
  answer: WireAnswer,
  ranked: WireAnswer,
  plan: Plan<WireSearch>,
  { outcome, marks, scores, bytes }: Placing,
): JsonObject {
  const { hits: before, max_score: best } = answer['hits'] as unknown as HitList;
  const after = ranked['hits'] as unknown as HitList;
  const slices = hitSlices(bytes);
  const keepsScore = scores === 'first-stage';
  const entries = after.hits.map((hit, i) => {
    const { blockrank, ...rest } = hit;
    const position = outcome.reranked ? positionOf(blockrank as HitMark, plan) : plan.page.from + i;
    const old = before[position]!;
    const own = { ...rest, ...(keepsScore && { _score: old['_score'] }), ...(marks && { blockrank }) };
    return respell(bytes, slices[position]!, old, own);
  });
  const list = {
    ...after,
    ...(keepsScore && { max_score: best }),
    hits: new Spelled(`[${entries.join(',')}]`),
  };
  return { ...ranked, hits: list, blockrank: marks ? ranked['blockrank'] : undefined };
}

/** The 0-based position of a ranked hit in the answer, where added hits stand between the window and what follows it. */
function positionOf(
  { firstStageRank, fromSecondSearch }: HitMark,
  { rankWindowSize, addedHits = 0 }: Plan<WireSearch>,
): number {
  const isBehind = !fromSecondSearch && firstStageRank > rankWindowSize - addedHits;
  return firstStageRank - 1 + (isBehind ? addedHits : 0);
}

/** A merged answer, and what it was merged from. */
interface Merging {
  readonly plan: Plan<WireSearch>;
  readonly answer: WireAnswer;
  readonly second: WireAnswer;
  readonly merged: ReturnType<SearchBodyReader<WireSearch, WireAnswer>['mergeSecondSearch']>;
}

/** Spells a merged answer, and that of the added hits, with the bytes that each hit came in. */
function spellMerged(spelled: WeakMap<object, string>, { plan, answer, second, merged }: Merging): void {
  const [first, again] = [spelled.get(answer), spelled.get(second)];
  if (first === undefined || again === undefined) return;
  const found = hitTexts(again);
  const added = merged.addedIndices.map((i) => found[i]!);
  const hits = hitTexts(first);
  const window = hits.slice(0, plan.rankWindowSize);
  const whole = [...window, ...added, ...hits.slice(window.length)];
  spelled.set(merged.response, respelledHits(first, answer, whole));
  spelled.set(merged.added, respelledHits(again, second, added));
}

/** The bytes of each hit in an answer. */
function hitTexts(bytes: string): readonly string[] {
  return hitSlices(bytes).map(({ start, end }) => bytes.slice(start, end));
}

/** The bytes of an answer with other hits, spelled already. */
function respelledHits(bytes: string, answer: WireAnswer, hits: readonly string[]): string {
  const list = { ...(answer['hits'] as JsonObject), hits: new Spelled(`[${hits.join(',')}]`) };
  return respell(bytes, wholeOf(bytes), answer, { ...answer, hits: list });
}

/** The slices of the hits in an answer's bytes. */
function hitSlices(bytes: string): ReturnType<typeof elementsOf> {
  const inside = (start: number): number =>
    membersOf(bytes, start).findLast(({ key }) => key === 'hits')!.value.start;
  return elementsOf(bytes, inside(inside(startOfValue(bytes))));
}
