/** One search on its way through the stage: what was planned, what was sent, what came back. */
import type { Plan } from '../../adapters/adapter.ts';
import { isObject } from '../../adapters/search-body/index.ts';
import { FirstStageError } from '../../engine/index.ts';
import type { RerankWish, Rescorer, Send } from '../middleware/rerank-calls.ts';
import type { RescoringStage } from '../stage/index.ts';
import { type Answered, ask } from './ask.ts';
import type { Forwarding } from './forward.ts';
import { valuesOf } from './headers.ts';
import type { Places } from './places.ts';
import type { CallerFetch, ProxyAdapter, WireAnswer, WireSearch } from './proxy-adapter.ts';
import { isJson } from './search-head.ts';
import type { SearchRequest } from './search-request.ts';

/** What reranking needs. */
export interface Reranking {
  /** Reads and writes searches. */
  readonly adapter: ProxyAdapter;
  /** Reranks; runs over `adapter`. */
  readonly stage: RescoringStage<WireSearch, WireAnswer>;
  /** Indices whose searches are reranked without asking; `*` stands for any characters. */
  readonly indices: readonly string[];
  /** Whether a failure of reranking leaves the first stage's order, instead of an error. */
  readonly isFailOpen: boolean;
  /** Bytes that a search's body may have; a larger one passes untouched. */
  readonly maxSearchBytes: number;
  /** Bytes that an answer may have to be reranked; a larger one passes untouched. */
  readonly maxAnswerBytes: number;
  /** How many searches may be reranked at once. */
  readonly places: Places;
}

/** What one search has come to so far. */
export interface SearchRun {
  /** What the stage planned, one plan a search that was understood. */
  plans: readonly Plan<WireSearch>[];
  /** Why the request is to pass as it is: there is no place, or the stage has nothing to do with any of its searches. */
  passes?: string | undefined;
  /** Gives the places back that the request has. */
  leave: () => void;
  /** The cluster's answer being waited for; goes on when the stage has given up. */
  sending?: Promise<WireAnswer>;
  /** The cluster's answer; of several searches of which some were asked again, the first. */
  answered?: Answered;
  /** What that answer is when it cannot be reranked: an error, or no JSON. */
  refusal?: FirstStageError | undefined;
  /** Whether something else was sent than came in. */
  isChanged: boolean;
  /** Whether some of several searches are asked again as they came, since what was changed in them was refused. */
  isAgain: boolean;
}

/** A run in which nothing has happened yet. */
export function newRun(): SearchRun {
  return { plans: [], leave: () => {}, isChanged: false, isAgain: false };
}

/** Bytes of the states of one list, at most: a thousand documents of tier `tokens`. */
const maxStatesBytes = 256 * 1024 * 1024;

/** What stands for the answer to a request that the stage leaves alone: that request goes another way. */
const untouched: WireAnswer = {};

/**
 * The stage, telling a run what it planned; what it leaves alone it does not send. It plans anew what the cluster
 * refused for what was changed in it. Nothing comes to it that finds no place.
 */
export function watched(
  { stage, adapter, places }: Pick<Reranking, 'stage' | 'adapter' | 'places'>,
  run: SearchRun,
): Rescorer<WireSearch, WireAnswer> {
  const enter = (requests: readonly WireSearch[], wish: RerankWish): boolean => {
    const leave = places.take(requests.length);
    if (leave) run.leave = leave;
    // What is not reranked needs no place.
    else if (requests.some((request) => isReranked(adapter, request, wish))) run.passes = 'overloaded';
    return run.passes === undefined;
  };
  const note = (plans: readonly Plan<WireSearch>[]): boolean => {
    const known = run.plans;
    run.isAgain = known.length > 0;
    run.plans = run.isAgain
      ? known.map((plan) => plans.find(({ original }) => original === plan.original) ?? plan)
      : plans;
    const isUntouched = run.plans.every(({ reason }) => reason !== undefined);
    if (isUntouched) run.passes = run.plans[0]?.reason ?? 'unsupported-request';
    return isUntouched;
  };
  return {
    async search(request, options) {
      if (!enter([request], options)) return untouched;
      return stage.search(request, {
        ...options,
        search: async (plan, call) => (note([plan]) ? untouched : options.search(plan, call)),
      });
    },
    async searchMany(requests, options) {
      const wanted = requests.filter((request, i) => options.each(request, i).rerank);
      if (!enter(wanted, options)) return requests.map(() => untouched);
      return stage.searchMany(requests, {
        ...options,
        searchMany: async (plans, call) =>
          note(plans) ? plans.map(() => untouched) : options.searchMany(plans, call),
      });
    },
  };
}

/** Whether the stage would rerank a search; a page beyond its window counts as one. */
function isReranked(adapter: ProxyAdapter, request: WireSearch, wish: RerankWish): boolean {
  const { rankWindowSize = Number.MAX_SAFE_INTEGER, queryText } = wish;
  const plan = adapter.plan(request, { rankWindowSize, ...(queryText !== undefined && { queryText }) });
  return plan.reason === undefined;
}

/** Sends what the stage planned with the caller's own headers, and reads the answer. */
export function sender(
  {
    forwarding,
    adapter,
    maxAnswerBytes,
  }: Pick<Reranking, 'adapter' | 'maxAnswerBytes'> & {
    readonly forwarding: Forwarding;
  },
  search: SearchRequest,
  run: SearchRun,
  signal: AbortSignal,
): Send {
  const fetch: CallerFetch = async (docs, own) => {
    const limits = { signal: own ? AbortSignal.any([signal, own]) : signal, maxBytes: maxStatesBytes };
    const answered = await ask(forwarding, search.toOwn('/_mget', { docs }), limits);
    if (answered.status === 200 && answered.plain) return JSON.parse(answered.plain.toString('utf8'));
    throw new FirstStageError(
      `The cluster at ${forwarding.target.address} answered the request for ${docs.length} block states with status ${answered.status}: callers need the right to read the indices of states.`,
      { adapter: adapter.name, statusCode: answered.status },
    );
  };
  const send = async (sent: SearchRequest['params']): Promise<WireAnswer> => {
    const answered = await ask(forwarding, search.toCall(sent), { signal, maxBytes: maxAnswerBytes });
    const isAnswer = answered.status === 200 && isJson(valuesOf(answered.headers, 'content-type')[0] ?? '');
    const answer =
      isAnswer && answered.plain ? readAs(adapter, search.kind, answered.plain, fetch) : undefined;
    const refusal = answer
      ? undefined
      : new FirstStageError(
          `The cluster at ${forwarding.target.address} answered a search with status ${answered.status}: see the answer, which the caller was given.`,
          { adapter: adapter.name, statusCode: answered.status },
          { cause: parsed(answered.plain) },
        );
    if (!run.isAgain) Object.assign(run, { answered, refusal, isChanged: sent !== search.params });
    if (answer) return answer;
    throw refusal!;
  };
  // Without the stage's signal: its deadline is for reranking, and the answer is still wanted after it.
  return (sent) => {
    run.sending = send(sent);
    run.sending.catch(() => undefined);
    return run.sending;
  };
}

/** An error in the cluster's own words. */
function parsed(plain: Buffer | undefined): unknown {
  try {
    return plain && JSON.parse(plain.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readAs(
  adapter: ProxyAdapter,
  kind: SearchRequest['kind'],
  plain: Buffer,
  fetch: CallerFetch,
): WireAnswer | undefined {
  try {
    const answer = kind === 'search' ? adapter.read(plain, fetch) : adapter.readMany(plain, fetch);
    const isComplete = kind === 'search' ? isObject(answer['hits']) : Array.isArray(answer['responses']);
    return isComplete ? answer : undefined;
  } catch (error) {
    // Not ours to judge: the caller gets what the cluster said.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
