/**
 * Tells whether searches are really reranked. A pipeline that ignores failures answers in the first stage's order and
 * says nothing, so the probe looks at one search of its own from three sides:
 *
 * - the pipeline's own counts before and after (every version; other traffic counts too);
 * - the service's count of requests before and after, where it can be read;
 * - `verbose_pipeline=true`, which names each processor's outcome and its error (OpenSearch 2.19 and 3.x), and which no
 *   other traffic disturbs.
 *
 * Two signs prove nothing, and the probe does not use them: the extra key `profile` of the answer (`truncate_hits`
 * leaves it there after a failure too), and scores between 0 and 1 (a first stage's scores may lie there).
 */
import { accepted, type ServerAnswer, type ServerCalls, saidBy } from '../../install/index.ts';
import { adviceOn } from './advice.ts';
import { defaultPageSize } from './options.ts';
import { isAtLeast } from './requirements.ts';
import { readPipelineCounts } from './statistics.ts';
import { rerankExt, toHits, tryModel } from './trial.ts';

/** Options of {@link probeReranking}. */
export interface ProbeOptions {
  /** Name of the pipeline. */
  readonly pipeline: string;
  /** The pipeline's model. */
  readonly modelId: string;
  /** The server's version. */
  readonly version: string;
  /** Index to search; without an index the probe asks the model alone. @defaultValue none */
  readonly index?: string | undefined;
  /** Words to ask with. */
  readonly query: string;
  /** How many requests the service has answered; `undefined` when the service does not tell. @defaultValue not asked */
  readonly countServiceRequests?: () => Promise<number | undefined>;
  /** Ends the probe. */
  readonly signal?: AbortSignal | undefined;
  /** How long one search may take, in milliseconds. @defaultValue as long as the client waits */
  readonly timeoutMs?: number | undefined;
}

/** What the probe found. */
export interface Probe {
  /**
   * `reranked`: the search came back in the model's order. `swallowed`: reranking failed and the pipeline ignored the
   * failure. `failed`: the search failed. `unknown`: hits came back that no rerank processor ran over. `no-hits`: the
   * index has no document; the model answers. `model-only`: no index was named, and the model answers. `model-failed`:
   * there was nothing to search, and the model does not answer.
   */
  readonly outcome:
    | 'reranked'
    | 'swallowed'
    | 'failed'
    | 'unknown'
    | 'no-hits'
    | 'model-only'
    | 'model-failed';
  /** The server's words on the failure, and what to do; absent when nothing failed. */
  readonly cause?: string;
  /** The signs that the probe saw, one line each. */
  readonly signs: readonly string[];
}

/**
 * Probes with one or two searches and, after a failure, with one question to the model.
 *
 * @throws FirstStageError when the server itself cannot be asked.
 */
export async function probeReranking(calls: ServerCalls, options: ProbeOptions): Promise<Probe> {
  const { index } = options;
  if (index === undefined) {
    const sign = 'no index was named (--index): the model alone was asked';
    return modelAlone(calls, options, { outcome: 'model-only', sign });
  }
  const before = await countsOf(calls, options);
  const answer = await probeSearch(calls, options, { index });
  if (answer.status >= 400) {
    return {
      outcome: 'failed',
      cause: withAdvice(saidBy(answer)),
      signs: [`the search answered ${answer.status}`],
    };
  }
  const after = await countsOf(calls, options);
  if (toHits(answer.body).length === 0) {
    const sign = `index "${index}" gave no hits: the model alone was asked`;
    return modelAlone(calls, options, { outcome: 'no-hits', sign });
  }
  const verbose = await verboseOutcome(calls, options, { index });
  return judge({ before, after, verbose }, () => causeFrom(calls, options));
}

/** Asks the model directly where no search can tell. */
async function modelAlone(
  calls: ServerCalls,
  options: ProbeOptions,
  { outcome, sign }: { readonly outcome: 'no-hits' | 'model-only'; readonly sign: string },
): Promise<Probe> {
  const cause = await causeFrom(calls, options);
  const signs = [sign];
  return cause === undefined ? { outcome, signs } : { outcome: 'model-failed', cause, signs };
}

interface Counts {
  readonly count: number;
  readonly failed: number;
  readonly service: number | undefined;
}

interface Evidence {
  readonly before: Counts;
  readonly after: Counts;
  readonly verbose: VerboseOutcome | undefined;
}

/** Outcome of a rerank processor that `verbose_pipeline` does not name. */
const absent = 'no rerank processor';
const notRun =
  'no rerank processor was seen to run: the pipeline has none, or the nodes\' statistics leave it out. "blockrank install opensearch" puts the pipeline right';

interface VerboseOutcome {
  readonly status: string;
  readonly error?: string;
}

async function judge(
  { before, after, verbose }: Evidence,
  cause: () => Promise<string | undefined>,
): Promise<Probe> {
  const ran = after.count - before.count;
  const failures = after.failed - before.failed;
  const signs = [
    `the pipeline's processor ran ${ran} times and failed ${failures} times`,
    after.service === undefined || before.service === undefined
      ? "the service's count of requests cannot be read"
      : `the service answered ${after.service - before.service} requests`,
    verbose === undefined
      ? 'this version has no verbose_pipeline'
      : `verbose_pipeline says "${verbose.status}"${verbose.error ? `: ${verbose.error}` : ''}`,
  ];
  const isAbsent = verbose?.status === absent;
  const isSwallowed = verbose === undefined ? failures > 0 : verbose.status !== 'success';
  if (isAbsent || (!isSwallowed && ran <= 0)) return { outcome: 'unknown', cause: notRun, signs };
  if (!isSwallowed) return { outcome: 'reranked', signs };
  // A direct question to the model shows the error that the pipeline hid; when the model answers now, only the search's
  // own error is left to tell.
  const told = (await cause()) ?? (verbose?.error === undefined ? undefined : withAdvice(verbose.error));
  return {
    outcome: 'swallowed',
    cause: told ?? 'the model answers when asked directly: the failure may have passed',
    signs,
  };
}

async function countsOf(calls: ServerCalls, options: ProbeOptions): Promise<Counts> {
  const { pipeline, signal, countServiceRequests } = options;
  const counts = await readPipelineCounts(calls, pipeline, { signal });
  return { ...counts, service: await countServiceRequests?.() };
}

function probeSearch(
  calls: ServerCalls,
  { pipeline, query, signal, timeoutMs }: ProbeOptions,
  { index, isVerbose = false }: { readonly index: string; readonly isVerbose?: boolean },
): Promise<ServerAnswer> {
  const querystring = { search_pipeline: pipeline, ...(isVerbose && { verbose_pipeline: 'true' }) };
  const body = { query: { match_all: {} }, size: defaultPageSize, ext: rerankExt(query) };
  const path = `/${encodeURIComponent(index)}/_search`;
  return calls.request({ method: 'POST', path, querystring, body }, { signal, timeoutMs });
}

async function verboseOutcome(
  calls: ServerCalls,
  options: ProbeOptions,
  { index }: { readonly index: string },
): Promise<VerboseOutcome | undefined> {
  if (!isAtLeast(options.version, [2, 19])) return undefined;
  const answer = accepted(await probeSearch(calls, options, { index, isVerbose: true }), {
    server: calls.server,
    what: `search index "${index}" with verbose_pipeline`,
    allowed: [400],
  });
  const { processor_results: results = [] } = answer.body as {
    processor_results?: readonly { processor_name: string; status: string; error?: string }[];
  };
  const found = results.find(({ processor_name: name }) => name === 'rerank');
  if (!found) return { status: absent };
  return { status: found.status, ...(found.error !== undefined && { error: found.error }) };
}

/** The reason why the model does not answer; `undefined` when it answers. */
async function causeFrom(
  calls: ServerCalls,
  { modelId, query, signal, timeoutMs }: ProbeOptions,
): Promise<string | undefined> {
  try {
    await tryModel(calls, { modelId, query, signal, timeoutMs });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    signal?.throwIfAborted();
    return error.message;
  }
}

function withAdvice(said: string): string {
  const advice = adviceOn(said);
  return advice === undefined ? said : `${said}. ${advice}`;
}
