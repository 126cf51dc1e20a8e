/** A reranker over a remote reranking service. */
import { createHash } from 'node:crypto';
import { DelegateBackoff, handleWhen, type IPolicy, retry } from 'cockatiel';
import { abortable } from '../abortable.ts';
import type { Ranking, Reranker, RerankerInfo, RerankOptions, Shortlist } from '../contract.ts';
import { RemoteServiceError } from '../errors.ts';
import { toRanking } from '../scores/ranking.ts';
import type { RemoteAnswer, RemoteAsk } from './remote-api.ts';
import { askOnce } from './remote-call.ts';
import { type RemoteRerankerOptions, type RemoteSettings, remoteSettings } from './remote-options.ts';

/** Wait before the second attempt, in milliseconds; it doubles from there. */
const firstDelayMs = 100;
/** Least distance of a score from 0 and 1; nearer scores are moved to it, so that their log-odds stay finite. */
const smallestOdds = 1e-9;

/**
 * Opens a reranker over a service of Cohere's, Jina's, Voyage's or TEI's wire form. Sends nothing yet.
 *
 * Services give scores in [0, 1]: they become the calibrated scores, and their log-odds the logits. Other numbers are
 * taken as logits. Explanations are empty.
 *
 * @throws ConfigurationError listing every impossible option.
 *
 * @example const reranker = remoteReranker({ api: 'tei', url: 'http://tei.internal:8080/rerank' });
 */
export function remoteReranker(options: RemoteRerankerOptions): Reranker {
  const settings = remoteSettings(options);
  const policy = retryPolicy(settings);
  const closing = new AbortController();
  const closed = (): TypeError => new TypeError('rerank: the reranker is closed.');
  return {
    info: toInfo(settings),
    async rerank(shortlist, call = {}) {
      if (closing.signal.aborted) throw closed();
      call.signal?.throwIfAborted();
      const signal = call.signal ? AbortSignal.any([call.signal, closing.signal]) : closing.signal;
      return rank(settings, policy, shortlist, { ...call, signal });
    },
    async close() {
      if (!closing.signal.aborted) closing.abort(closed());
    },
  };
}

function toInfo({ api, url, model, name }: RemoteSettings): RerankerInfo {
  const digest = createHash('sha256')
    .update(JSON.stringify([api, url, model]))
    .digest('hex')
    .slice(0, 32);
  return {
    name,
    encodingDigest: digest,
    readoutDigest: digest,
    profile: 'in-context',
    executionProvider: 'remote',
    languages: [],
    ready: true,
  };
}

/** Retries transient failures, after the wait that the service asks for; any other failure ends the call at once. */
function retryPolicy({ retries, maxRetryDelayMs, onRetry }: RemoteSettings): IPolicy {
  const waitOf = (error: unknown, attempt: number): number =>
    (error as RemoteServiceError).retryAfterMs ?? firstDelayMs * 2 ** (attempt - 1);
  const mayPass = (error: Error): boolean =>
    error instanceof RemoteServiceError && error.isTransient && (error.retryAfterMs ?? 0) <= maxRetryDelayMs;
  const policy = retry(handleWhen(mayPass), {
    maxAttempts: retries,
    backoff: new DelegateBackoff(({ attempt, result }) =>
      Math.min(maxRetryDelayMs, waitOf('error' in result ? result.error : undefined, attempt)),
    ),
  });
  policy.onRetry((event) => {
    if ('error' in event && event.error instanceof RemoteServiceError) onRetry?.(event.error);
  });
  return policy;
}

async function rank(
  settings: RemoteSettings,
  policy: IPolicy,
  { query, candidates }: Shortlist,
  { signal, deadlineMs, explain }: RerankOptions,
): Promise<Ranking> {
  const started = performance.now();
  const left = (): number | undefined =>
    deadlineMs === undefined ? undefined : deadlineMs - (performance.now() - started);
  const texts = candidates.map(({ text }) => text);
  const asks: RemoteAsk[] = [];
  for (let at = 0; at < texts.length; at += settings.maxDocuments) {
    const part = texts.slice(at, at + settings.maxDocuments);
    asks.push({ query: query.text, texts: part, model: settings.model });
  }
  const answers: RemoteAnswer[] = [];
  // Calls go one after another: a service that limits the length of a call also limits calls in flight.
  for (const ask of asks) {
    const attempt = (): Promise<RemoteAnswer> => askOnce(settings, ask, { signal, deadlineMs: left() });
    answers.push(await abortable(policy.execute(attempt, signal), signal));
  }
  const scores = answers.flatMap((answer) => answer.scores);
  const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
  const usage = { tokens, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };
  return toRanking(
    toScored(scores).map((scored) => ({ ...scored, ...(explain && { explanation: { spans: [] } }) })),
    usage,
  );
}

interface Scored {
  readonly index: number;
  readonly logit: number;
  readonly calibratedScore?: number;
}

function toScored(scores: readonly number[]): Scored[] {
  const areProbabilities = scores.every((score) => score >= 0 && score <= 1);
  return scores.map((score, index) =>
    areProbabilities ? { index, logit: logOdds(score), calibratedScore: score } : { index, logit: score },
  );
}

function logOdds(probability: number): number {
  const p = Math.min(1 - smallestOdds, Math.max(smallestOdds, probability));
  return Math.log(p / (1 - p));
}
