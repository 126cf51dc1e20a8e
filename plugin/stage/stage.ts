/**
 * The rescoring stage: plan, first stage, shortlist, reranker, score steps, outcome. The only place that
 * recovers from a failure, by the operator's policy.
 */
import type { Adapter, Plan } from '../../adapters/adapter.ts';
import { FirstStageError } from '../../engine/index.ts';
import type { BreakerState } from '../guard/breaker.ts';
import { type Budget, openBudget } from '../guard/budget.ts';
import { languageGuard } from '../guard/language-guard.ts';
import { finish } from './decide.ts';
import { toAll } from './events.ts';
import { type Asking, findAll, findOne, firstStage, toError } from './first-stage.ts';
import {
  type RescoringStageOptions,
  type StageAdapter,
  type StageSettings,
  stageSettings,
} from './options.ts';
import type { StageParts } from './parts.ts';
import { guardedRanker } from './ranker.ts';
import { noMemory, rankingMemory } from './ranking-memory.ts';
import {
  deadlineOf,
  type StageCallOptions,
  type StageRequestOptions,
  type StageSearchManyOptions,
  type StageSearchOptions,
  type Wish,
  wishOf,
} from './search-options.ts';

/** Reranks an adapter's responses. Safe to call concurrently. Requests and responses are never changed. */
export interface RescoringStage<Request, Response> {
  /** State of the breaker: whether calls reach the reranker. */
  readonly breakerState: BreakerState;
  /**
   * Searches and reranks. The answer comes at most 50 ms after the deadline, whatever still runs. When the server
   * refuses the plan's changes, in whole or in part, the stage sends the user's own request, and does not rerank its
   * hits.
   *
   * @throws FirstStageError when the search server failed; errors of `options.search` pass unchanged.
   * @throws DeadlineExceededError when the first stage did not answer in time; with `onFailure: 'throw'` also when the
   * reranker did not.
   * @throws ConfigurationError when `minScore` is set and the reranker gives no calibrated score.
   * @throws RangeError for an impossible option; `TypeError` after {@link close}, and when neither adapter nor options
   * can send.
   */
  search(request: Request, options?: StageSearchOptions<Request, Response>): Promise<Response>;
  /**
   * Searches several requests in one round trip and reranks each on its own: a failed item gives its error in its
   * position, and touches no other. Rejects only when the first stage as a whole failed or ran out of time, or when the
   * caller gave up.
   */
  searchMany(
    requests: readonly Request[],
    options?: StageSearchManyOptions<Request, Response>,
  ): Promise<readonly (Response | Error)[]>;
  /**
   * Ends rankings in flight (their lists come in first-stage order, with the reason `aborted`) and forgets all
   * decisions. Adapter and reranker stay open.
   */
  close(): Promise<void>;
}

/**
 * Opens a rescoring stage.
 *
 * Pages of one list agree: a list that was served reranked stays so for its later pages, and a list that was served in
 * first-stage order, because the reranker failed, keeps that order until its first page is requested again (or the
 * cache forgets the list, or drops it for others). `topN` and `minScore` look at the window only: a page that starts
 * after the window passes unreranked.
 *
 * @throws ConfigurationError listing every option that is wrong.
 *
 * @example const stage = rescoringStage({ adapter: embeddedAdapter({ index }), reranker: await openReranker() }); const
 * response = await stage.search({ query: 'person who studies the stars' }, { deadlineMs: 300 });
 */
export function rescoringStage<Request, Response>(
  options: RescoringStageOptions<Request, Response>,
): RescoringStage<Request, Response> {
  const parts = openParts(stageSettings(options));
  let isClosed = false;
  const checkOpen = (name: string): void => {
    if (isClosed) throw new TypeError(`RescoringStage.${name}: expected an open stage, got a closed one.`);
  };
  return {
    get breakerState() {
      return parts.ranker.breakerState;
    },
    async search(request, call = {}) {
      checkOpen('search');
      return searchOne(parts, request, call);
    },
    async searchMany(requests, call = {}) {
      checkOpen('searchMany');
      return searchAll(parts, requests, call);
    },
    async close() {
      isClosed = true;
      parts.ranker.close();
      parts.memory.clear();
    },
  };
}

function openParts<Request, Response>(
  settings: StageSettings<Request, Response>,
): StageParts<Request, Response> {
  const { adapter, reranker, cache, now } = settings;
  const source = { adapter: adapter.name, reranker: reranker.info.name };
  const events = toAll(settings.listeners);
  return {
    settings,
    source,
    events,
    guard: languageGuard(settings.languageGuard ? reranker.info.languages : []),
    memory: cache ? rankingMemory({ ...cache, now }) : noMemory,
    ranker: guardedRanker({
      ...settings,
      onBreakerState: (state) => events.breaker({ ...source, state }),
    }),
  };
}

async function searchOne<Request, Response>(
  parts: StageParts<Request, Response>,
  request: Request,
  call: StageSearchOptions<Request, Response>,
): Promise<Response> {
  const { settings } = parts;
  return withBudget(parts, call, async (budget, startedMs) => {
    const wish = wishOf(settings, call);
    const plan = planOf(settings, request, wish);
    const { adapter } = settings;
    const search = call.search ?? senderOf(adapter);
    const { signal } = budget;
    const found = await firstStage(parts, budget, 1, () =>
      findOne({ adapter, signal }, plan, (sent) => search(sent, { signal })),
    );
    const firstStageMs = settings.now() - startedMs;
    const run = { wish, budget, startedMs, firstStageMs, send: search };
    return finish(parts, found.plan, found.answer, run);
  });
}

async function searchAll<Request, Response>(
  parts: StageParts<Request, Response>,
  requests: readonly Request[],
  call: StageSearchManyOptions<Request, Response>,
): Promise<readonly (Response | Error)[]> {
  const { settings } = parts;
  return withBudget(parts, call, async (budget, startedMs) => {
    const items = requests.map((request, i) =>
      planItem(settings, request, { ...call, ...call.each?.(request, i) }),
    );
    const plans = items.flatMap((item) => (item instanceof Error ? [] : [item.plan]));
    const asking = { adapter: settings.adapter, signal: budget.signal };
    const found = await firstStage(parts, budget, plans.length, () =>
      findAll(asking, plans, (sent) => searchTogether(asking, sent, call)),
    );
    const firstStageMs = settings.now() - startedMs;
    const send = async (plan: Plan<Request>): Promise<Response> => {
      const [answer] = await searchTogether(asking, [plan], call);
      if (answer === undefined || answer instanceof Error) throw answer ?? noAnswer(settings);
      return answer;
    };
    let next = 0;
    const finished = items.map(async (item) => {
      if (item instanceof Error) return item;
      const { plan, answer } = found[next++]!;
      if (answer instanceof Error) {
        parts.events.failure({ ...parts.source, phase: 'first-stage', error: answer });
        return answer;
      }
      return finish(parts, plan, answer, { wish: item.wish, budget, startedMs, firstStageMs, send });
    });
    const settled = await Promise.allSettled(finished);
    budget.throwIfAbandoned();
    return settled.map((item) => (item.status === 'fulfilled' ? item.value : toError(item.reason)));
  });
}

/** Runs a search inside its span and its time limit. */
async function withBudget<Request, Response, T>(
  { settings, source }: StageParts<Request, Response>,
  call: StageCallOptions,
  run: (budget: Budget, startedMs: number) => Promise<T>,
): Promise<T> {
  const startedMs = settings.now();
  const limits = { deadlineMs: deadlineOf(settings, call), signal: call.signal, now: settings.now };
  const budget = openBudget(limits);
  try {
    return await settings.tracing.trace('search', source, () => run(budget, startedMs));
  } finally {
    budget.close();
  }
}

/** The request's plan; when the caller opts out of reranking, the plan sends the user's own request. */
function planOf<Request, Response>(
  settings: StageSettings<Request, Response>,
  request: Request,
  wish: Wish,
): Plan<Request> {
  const { rankWindowSize, queryText } = wish;
  const plan = settings.adapter.plan(request, {
    rankWindowSize,
    ...(queryText !== undefined && { queryText }),
  });
  if (wish.rerank) return plan.reason || plan.query ? plan : { ...plan, reason: 'no-query-text' };
  const { query: _query, ...rest } = plan;
  return { ...rest, request: plan.original, reason: 'disabled', warnings: [] };
}

function planItem<Request, Response>(
  settings: StageSettings<Request, Response>,
  request: Request,
  options: StageRequestOptions,
): { readonly plan: Plan<Request>; readonly wish: Wish } | Error {
  try {
    const wish = wishOf(settings, options);
    return { plan: planOf(settings, request, wish), wish };
  } catch (error) {
    return toError(error);
  }
}

/** The adapter's own way to send. @throws TypeError when the adapter only reads, and the call brings no way to send. */
function senderOf<Request, Response>(
  adapter: StageAdapter<Request, Response>,
): Adapter<Request, Response>['search'] {
  const { name, search } = adapter;
  if (search) return search.bind(adapter);
  throw new TypeError(
    `RescoringStage: expected the options search and searchMany in calls over "${name}", which sends nothing itself.`,
  );
}

function noAnswer<Request, Response>({ adapter }: StageSettings<Request, Response>): FirstStageError {
  const { name } = adapter;
  return new FirstStageError(`"${name}" gave no answer to a second search.`, { adapter: name });
}

/** All plans in one round trip, where caller or adapter can do that. */
async function searchTogether<Request, Response>(
  { adapter, signal }: Asking<Request, Response>,
  plans: readonly Plan<Request>[],
  call: StageSearchManyOptions<Request, Response>,
): Promise<readonly (Response | Error)[]> {
  const options = { signal };
  if (call.searchMany) return call.searchMany(plans, options);
  if (adapter.searchMany) return adapter.searchMany(plans, options);
  const search = senderOf(adapter);
  const settled = await Promise.allSettled(plans.map((plan) => search(plan, options)));
  return settled.map((item) => (item.status === 'fulfilled' ? item.value : toError(item.reason)));
}
