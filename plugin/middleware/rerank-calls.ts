/**
 * Reranking inside a client: a subclass of its Transport that recognises searches by their path. What is not a
 * search that asked for it goes through untouched.
 */
import type { Plan, SearchOptions } from '../../adapters/adapter.ts';
import { isObject, type JsonObject } from '../../adapters/cluster/json.ts';
import { toPattern } from '../../adapters/search-body/filter-source.ts';

/** What a transport is asked to send; both clients' own form. */
export interface TransportParams {
  /** HTTP method. */
  readonly method: string;
  /** Path, starting with a slash. */
  readonly path: string;
  /** A search's body. */
  readonly body?: unknown;
  /** A multi-search's lines. */
  readonly bulkBody?: unknown;
  /** Parameters of the address. */
  readonly querystring?: unknown;
}

/** What one request asks for; the official `context` option carries it: `{ context: { blockrank: { topN: 5 } } }`. */
export interface RerankWish {
  /** How many leading hits are reranked. */
  readonly rankWindowSize?: number;
  /** Hits given back at most. */
  readonly topN?: number;
  /** Smallest calibrated score given back. */
  readonly minScore?: number;
  /** The question in words, when the request does not hold it. */
  readonly queryText?: string;
  /** Whether every hit gets an explanation. */
  readonly explain?: boolean;
  /** Time for everything, in milliseconds. */
  readonly deadlineMs?: number;
}

/** The stage, as far as a transport needs it. */
export interface Rescorer<Request, Response> {
  /** Searches and reranks. */
  search(
    request: Request,
    options: RerankWish & {
      readonly signal?: AbortSignal;
      readonly search: (plan: Plan<Request>, options: SearchOptions) => Promise<Response>;
    },
  ): Promise<Response>;
  /** Searches several and reranks each. */
  searchMany(
    requests: readonly Request[],
    options: RerankWish & {
      readonly signal?: AbortSignal;
      readonly each: (request: Request, index: number) => { readonly rerank: boolean };
      readonly searchMany: (
        plans: readonly Plan<Request>[],
        options: SearchOptions,
      ) => Promise<readonly (Response | Error)[]>;
    },
  ): Promise<readonly (Response | Error)[]>;
}

/** How a client writes a search: from the parts on the wire to what its `search()` takes, and back. */
export interface RequestForm<Request> {
  /** What `client.search()` would have been given. */
  toRequest(parts: SearchParts): Request;
  /** The parts of what is to be sent; `original` says which keys were in the address. */
  toParts(request: Request, original: SearchParts): SearchParts;
}

/** A search on the wire. */
export interface SearchParts {
  readonly index: string | undefined;
  readonly querystring: JsonObject;
  readonly body: JsonObject;
}

/** Sends to the server, as the client's own transport does; gives the answer's body. */
export type Send = (params: TransportParams, options: SearchOptions) => Promise<unknown>;

/** What a transport's reranking needs. */
export interface TransportReranking<Request, Response> {
  /** Reranks. */
  readonly stage: Rescorer<Request, Response>;
  /** Indices whose searches are reranked without asking, `*` stands for any characters. */
  readonly indices: readonly string[];
}

interface Reranking<Request, Response> {
  readonly stage: Rescorer<Request, Response>;
  readonly form: RequestForm<Request>;
  readonly patterns: readonly RegExp[];
}

/** One call of the transport. */
export interface TransportCall {
  readonly params: TransportParams;
  /** The call's `context.blockrank`: a wish, `true`, `false`, or nothing. */
  readonly wish: unknown;
  readonly signal: AbortSignal | undefined;
}

/** The body of a reranked answer; undefined when the call is none of ours and must be sent as it is. */
export type RerankCall = (call: TransportCall, send: Send) => Promise<unknown> | undefined;

/** Prepares reranking for a transport class; `form` is how its client writes a search. */
export function rerankCalls<Request, Response>(
  { stage, indices }: TransportReranking<Request, Response>,
  form: RequestForm<Request>,
): RerankCall {
  const reranking = { stage, form, patterns: toPatterns(indices) };
  return (call, send) => {
    const target = targetOf(call.params);
    if (!target || call.wish === false) return undefined;
    if (target.kind === 'search') return rerankSearch(reranking, call, target.index, send);
    return rerankMultiSearch(reranking, call, target.index, send);
  };
}

interface Target {
  readonly kind: 'search' | 'msearch';
  readonly index: string | undefined;
}

function targetOf({ method, path, querystring }: TransportParams): Target | undefined {
  const [, index, kind] = /^\/(?:([^/]+)\/)?_(search|msearch)$/.exec(path) ?? [];
  const isSearch =
    (method === 'POST' || method === 'GET') && (querystring === undefined || isObject(querystring));
  if (!isSearch || (kind !== 'search' && kind !== 'msearch')) return undefined;
  return { kind, index: index === undefined ? undefined : decodeURIComponent(index) };
}

/** What {@link isWanted} looks at. */
export function toPatterns(indices: readonly string[]): readonly RegExp[] {
  return indices.map(toPattern);
}

/**
 * Whether a search of these indices is to be reranked.
 *
 * @param index - As a path names them, joined by commas, decoded.
 */
export function isWanted(patterns: readonly RegExp[], wish: unknown, index: string | undefined): boolean {
  if (wish === true || isObject(wish)) return true;
  // What is taken away again (`products-*,-products-old`) adds no index.
  const names = (index ?? '').split(',').filter((name, i) => i === 0 || !name.startsWith('-'));
  return names.every((name) => name !== '' && patterns.some((pattern) => pattern.test(name)));
}

const toWish = (wish: unknown): RerankWish => (isObject(wish) ? (wish as RerankWish) : {});

function rerankSearch<Request, Response>(
  { stage, form, patterns }: Reranking<Request, Response>,
  { params, wish, signal }: TransportCall,
  index: string | undefined,
  send: Send,
): Promise<Response> | undefined {
  const { body = {}, querystring } = params;
  if (!isObject(body) || !isWanted(patterns, wish, index)) return undefined;
  const parts: SearchParts = { index, querystring: (querystring ?? {}) as JsonObject, body };
  return stage.search(form.toRequest(parts), {
    ...toWish(wish),
    ...(signal && { signal }),
    search: async (plan, options) => {
      const sent =
        plan.request === plan.original
          ? params
          : { ...params, ...toParams(form.toParts(plan.request, parts)) };
      return (await send(sent, options)) as Response;
    },
  });
}

/** An address without parameters keeps none, a body without keys is left out. */
function toParams({ querystring, body }: SearchParts): Pick<TransportParams, 'body' | 'querystring'> {
  return { querystring, ...(Object.keys(body).length > 0 && { body }) };
}

/** One search of a multi-search that the server refused, as it said it; to be read as a client's own error is. */
class RefusedItem extends Error {
  readonly body: JsonObject;

  constructor(body: JsonObject) {
    super('The server refused this search.');
    this.body = body;
  }

  get statusCode(): unknown {
    return this.body['status'];
  }
}

function rerankMultiSearch<Request, Response>(
  { stage, form, patterns }: Reranking<Request, Response>,
  { params, wish, signal }: TransportCall,
  index: string | undefined,
  send: Send,
): Promise<unknown> | undefined {
  const items = toItems(params.bulkBody ?? params.body, index);
  const wanted = items?.map((item) => isWanted(patterns, wish, item.parts.index));
  if (!items || !wanted?.includes(true)) return undefined;
  let answer: JsonObject | undefined;
  const requests = items.map(({ parts }) => form.toRequest(parts));
  const answers = stage.searchMany(requests, {
    ...toWish(wish),
    ...(signal && { signal }),
    each: (_request, i) => ({ rerank: wanted[i]! }),
    searchMany: async (plans, options) => {
      const lines = plans.flatMap((plan) => {
        const { header, parts } = items[requests.indexOf(plan.original)]!;
        return [header, form.toParts(plan.request, parts).body];
      });
      const key = params.bulkBody === undefined ? 'body' : 'bulkBody';
      const sent = (await send({ ...params, [key]: lines }, options)) as JsonObject;
      // Some may be asked for again: what stands beside the responses is that of all of them.
      answer ??= sent;
      const { responses } = sent as { responses?: readonly Response[] };
      return (responses ?? []).map(toItemAnswer);
    },
  });
  return answers.then((all) => ({ ...answer, responses: all.map(toAnswer) }));
}

/** The answer to one search of a multi-search, or the error that the server gave for it. */
export function toItemAnswer<Response>(item: Response): Response | Error {
  return isObject(item) && 'error' in item ? new RefusedItem(item) : item;
}

/** What failed on our side is told as the server tells its own: one item's error touches no other. */
function toAnswer(answer: unknown): unknown {
  if (answer instanceof RefusedItem) return answer.body;
  if (!(answer instanceof Error)) return answer;
  return { error: { type: answer.name, reason: answer.message, root_cause: [] }, status: 500 };
}

interface Item {
  readonly header: JsonObject;
  readonly parts: SearchParts;
}

/** The searches of a multi-search; undefined when its lines cannot be read as pairs of objects. */
function toItems(lines: unknown, index: string | undefined): Item[] | undefined {
  if (!Array.isArray(lines) || lines.length % 2 !== 0) return undefined;
  const objects = lines.map((line: unknown) => (typeof line === 'string' ? parse(line) : line));
  if (!objects.every(isObject)) return undefined;
  return Array.from({ length: objects.length / 2 }, (_, i) => {
    const header = objects[2 * i]!;
    // Both servers read either name.
    const named = [header['index'], header['indices']].filter((value) => value !== undefined);
    const isNamed = named.some((value) => typeof value === 'string' || Array.isArray(value));
    const own = isNamed ? named.flat().join(',') : index;
    return { header, parts: { index: own, querystring: {}, body: objects[2 * i + 1]! } };
  });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // not ours to judge: the whole request is sent as it is
  }
}
