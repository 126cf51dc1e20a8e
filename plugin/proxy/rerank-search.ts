/** Answers one search: reranked, or, when that cannot be, as the cluster answers it. */
import type { OutcomeMark } from '../../adapters/adapter.ts';
import { isObject, type JsonObject } from '../../adapters/search-body/index.ts';
import { type BlockRankError, DeadlineExceededError, FirstStageError } from '../../engine/index.ts';
import {
  isWanted,
  type RerankWish,
  rerankCalls,
  toItemAnswer,
  toPatterns,
} from '../middleware/rerank-calls.ts';
import { type Answered, AnswerTooLarge } from './ask.ts';
import { type Exchange, type Forwarding, forward, markHeader, type ReadBody } from './forward.ts';
import { endToEnd, type RawHeaders } from './headers.ts';
import { type WireAnswer, wireForm } from './proxy-adapter.ts';
import { readUpTo } from './read-body.ts';
import { searchedIndex } from './search-head.ts';
import { readSearch, type SearchRequest } from './search-request.ts';
import { newRun, type Reranking, type SearchRun, sender, watched } from './search-run.ts';
import { ProxyError, sendError } from './server-error.ts';
import { wrongWish } from './wish.ts';

/** What became of a request. */
export type Treatment = 'passed' | 'reranked' | 'unreranked' | 'overloaded';

/** Where searches go, how they are reranked, and who is told when something unforeseen fails. */
export interface SearchParts extends Reranking {
  /** Where searches go. */
  readonly forwarding: Forwarding;
  /** Told of failures that no event of the stage tells. */
  readonly onFault: (error: unknown) => void;
}

/** A search that was read, all of it. */
interface Reading {
  readonly exchange: Exchange;
  readonly read: ReadBody;
  readonly search: SearchRequest;
  readonly run: SearchRun;
  readonly startedMs: number;
}

/** Reads a search and answers it. Settles when the answer is out or the caller is gone; never rejects. */
export async function rerankSearch(
  parts: SearchParts,
  asked: Exchange,
  wish: RerankWish | true | undefined,
): Promise<Treatment> {
  const { forwarding, indices, maxSearchBytes } = parts;
  if (asked.isWaiting) asked.response.writeContinue();
  const exchange = { ...asked, isWaiting: false };
  // A caller that leaves in the middle of its request gets no answer.
  const read = await readUpTo(exchange.request, maxSearchBytes).catch(() => undefined);
  if (!read) return 'passed';
  const body = Buffer.concat(read.chunks);
  const search = read.isWhole ? await readSearch(exchange.request, body, maxSearchBytes) : undefined;
  if (!search) return passUnread(parts, exchange, wish, read);
  const gone = new AbortController();
  const abandon = (): void => gone.abort(new Error('The caller is gone.'));
  exchange.response.once('close', abandon);
  const run = newRun();
  const send = sender({ ...parts, forwarding }, search, run, gone.signal);
  const call = { params: search.params, wish, signal: gone.signal };
  const answer = rerankCalls({ stage: watched(parts, run), indices }, wireForm)(call, send);
  if (!answer) return pass(parts, exchange, read);
  const reading = { exchange, read, search, run, startedMs: performance.now() };
  try {
    return await finish(parts, reading, (await answer) as JsonObject);
  } catch (error) {
    return await recover(parts, reading, error);
  } finally {
    run.leave();
    // What the stage gave up waiting for is not wanted any more.
    abandon();
  }
}

/** Passes a search on that cannot be read; when it was to be reranked, the answer says so. */
export function passUnread(
  parts: Pick<SearchParts, 'forwarding' | 'indices'>,
  exchange: Exchange,
  wish: RerankWish | true | undefined,
  read?: ReadBody,
): Promise<Treatment> {
  const index = searchedIndex(exchange.request);
  const isMeant = isWanted(toPatterns(parts.indices), wish, index);
  return pass(parts, exchange, read, isMeant ? 'unsupported-request' : undefined);
}

async function pass(
  { forwarding }: Pick<SearchParts, 'forwarding'>,
  exchange: Exchange,
  read: ReadBody | undefined,
  reason?: string,
): Promise<Treatment> {
  const added = reason === undefined ? [] : ['X-Blockrank', `unreranked; reason=${reason}`];
  await forward(forwarding, exchange, read, added);
  if (reason === 'overloaded') return reason;
  return reason === undefined ? 'passed' : 'unreranked';
}

/** Gives back what the stage made of the search. */
async function finish(parts: SearchParts, reading: Reading, answer: JsonObject): Promise<Treatment> {
  const { exchange, run, read } = reading;
  if (run.passes === 'overloaded' && !parts.isFailOpen) return refuse(exchange, overloaded(), 'overloaded');
  if (run.passes || !run.answered) {
    // An answer that only passes may take long, and holds nobody up.
    run.leave();
    return pass(parts, exchange, read, run.passes ?? 'unsupported-request');
  }
  const marks = marksOf(answer);
  const reranked = marks.filter((mark) => mark?.reranked).length;
  const reason = [...marks, ...run.plans].find((one) => one?.reason)?.reason ?? 'first-stage-error';
  const said = reranked > 0 ? 'reranked' : `unreranked; reason=${reason}`;
  const counted = reading.search.kind === 'msearch' ? `${said}; searches=${reranked}/${marks.length}` : said;
  send(exchange, run.answered, parts.adapter.spell(answer), ['X-Blockrank', counted]);
  return reranked > 0 ? 'reranked' : 'unreranked';
}

function marksOf(answer: JsonObject): readonly (OutcomeMark | undefined)[] {
  const list = Array.isArray(answer['responses']) ? answer['responses'] : [answer];
  return list.map((entry: unknown) => (isObject(entry) ? (entry['blockrank'] as OutcomeMark) : undefined));
}

/** Writes an answer that is at hand; without `body` as it came. */
function send({ response }: Exchange, answered: Answered, body: Buffer | undefined, added: RawHeaders): void {
  const rewritten = body ? ['content-encoding'] : [];
  const bytes = body ?? answered.body;
  const headers = endToEnd(answered.headers, ['content-length', 'trailer', markHeader, ...rewritten]);
  response.sendDate = false;
  const length = answered.status === 204 ? [] : ['Content-Length', String(bytes.length)];
  response.writeHead(answered.status, answered.statusMessage, [...headers, ...length, ...added]);
  response.end(bytes);
}

/** What a failure leads to: the cluster's own answer wherever there is one, an error where there is none. */
async function recover(parts: SearchParts, reading: Reading, error: unknown): Promise<Treatment> {
  const { exchange, read, run } = reading;
  const { response } = exchange;
  if (response.destroyed) return 'unreranked';
  if (error instanceof ProxyError) return refuse(exchange, error);
  if (run.refusal) return giveRefusal(parts, reading, run.refusal);
  if (error instanceof AnswerTooLarge) return pass(parts, exchange, read, 'unsupported-request');
  if (error instanceof RangeError) return refuse(exchange, wrongWish(error.message));
  if (error instanceof DeadlineExceededError) {
    return parts.isFailOpen ? late(parts, reading, error) : refuse(exchange, timedOut(error));
  }
  parts.onFault(error);
  const isOurs = !(error instanceof FirstStageError);
  if (isOurs && !parts.isFailOpen) return refuse(exchange, failed(error));
  return pass(parts, exchange, read, 'rerank-error');
}

/** The cluster refused the search: what it says goes back as it came, unless it refused what was changed. */
function giveRefusal(
  parts: SearchParts,
  { exchange, read, run }: Reading,
  refusal: FirstStageError,
): Promise<Treatment> | Treatment {
  const isOdd = run.isChanged && refusal.statusCode === 200;
  if (isOdd || run.plans.some((plan) => parts.adapter.refusedChanges(plan, refusal))) {
    return pass(parts, exchange, read, 'first-stage-error');
  }
  send(exchange, run.answered!, undefined, ['X-Blockrank', 'unreranked; reason=first-stage-error']);
  return 'unreranked';
}

function refuse({ response }: Exchange, error: ProxyError, treatment: Treatment = 'unreranked'): Treatment {
  sendError(response, error);
  return treatment;
}

function overloaded(): ProxyError {
  return new ProxyError(
    { status: 429, type: 'rejected_execution_exception' },
    'As many searches are being reranked as may be at once. Try again later, raise maxConcurrent, or add proxies.',
  );
}

function timedOut({ message }: DeadlineExceededError): ProxyError {
  return new ProxyError({ status: 504, type: 'timeout_exception' }, message);
}

function failed(error: unknown): ProxyError {
  const { code = 'other', message } = error as Partial<BlockRankError>;
  const reason = `Reranking failed (${code}): ${message ?? String(error)}`;
  return new ProxyError({ status: 500, type: 'rerank_exception' }, reason, { cause: error });
}

/** The deadline passed while the cluster was still searching: its answer comes in its own order. */
async function late(parts: SearchParts, reading: Reading, error: DeadlineExceededError): Promise<Treatment> {
  const { run, exchange, read, search } = reading;
  try {
    const answer = run.isAgain ? undefined : await run.sending;
    const entries = answer && (search.kind === 'search' ? [answer] : (answer['responses'] as WireAnswer[]));
    if (!entries || hasLost(parts, run, entries)) return await pass(parts, exchange, read, 'deadline');
    const firstStageMs = performance.now() - reading.startedMs;
    const timings = { firstStageMs, rerankMs: 0, totalMs: firstStageMs };
    const inOrder = entries.map((entry, i): JsonObject => {
      if ('error' in entry) return entry;
      const plan = run.plans[i]!;
      const { warnings } = plan;
      const outcome = { reranked: false, reason: 'deadline', error, timings, warnings } as const;
      return parts.adapter.applyOutcome(plan, entry, outcome);
    });
    const whole = search.kind === 'search' ? inOrder[0]! : { ...answer, responses: inOrder };
    return await finish(parts, reading, whole);
  } catch (failure) {
    return recover(parts, reading, failure);
  }
}

/** Whether hits are missing since the cluster refused what was changed. */
function hasLost({ adapter }: SearchParts, run: SearchRun, entries: readonly WireAnswer[]): boolean {
  return run.plans.some((plan, i) => adapter.refusedChanges(plan, toItemAnswer(entries[i]!)));
}
