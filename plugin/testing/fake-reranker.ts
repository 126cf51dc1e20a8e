/** A reranker for tests: no model, no files, faults on demand. */
import {
  type Candidate,
  onAbort,
  type Query,
  type RankedCandidate,
  type Ranking,
  type Reranker,
  type RerankerInfo,
  type RerankOptions,
  type Shortlist,
} from '../../engine/index.ts';

/** Options of {@link fakeReranker}. */
export interface FakeRerankerOptions {
  /** The logit of a candidate; any finite number. @defaultValue how many of the query's words its text holds */
  readonly logit?: (candidate: Candidate, query: Query, index: number) => number;
  /** The calibrated score of a logit, in [0, 1]; `false`: the ranking has none. @defaultValue the logistic function */
  readonly calibrate?: ((logit: number) => number) | false;
  /**
   * How many leading documents a call reads that has a time to read (`readWithinMs`); `call` counts from 1. @defaultValue
   * all
   */
  readonly readsInTime?: (call: number, shortlist: Shortlist) => number;
  /** How long each call takes, in milliseconds. @defaultValue 0 */
  readonly delayMs?: number;
  /**
   * Runs before each call answers (`call` counts from 1): its error becomes the call's failure; a promise that never
   * settles makes the call hang.
   */
  readonly fault?: (call: number, shortlist: Shortlist) => unknown;
  /** Changes the answer, for instance into a wrong one. @defaultValue the answer stays as it is */
  readonly answer?: (ranking: Ranking, shortlist: Shortlist) => Ranking;
  /** What {@link Reranker.readAnchor} gives; a promise that never settles hangs. @defaultValue the reranker has no anchors */
  readonly readAnchor?: Reranker['readAnchor'];
  /** Whether aborting ends a call; with `false` a caller can leave the call only by a race. @defaultValue true */
  readonly obeysSignal?: boolean;
  /** Whether {@link FakeReranker.calls} keeps lists; `false` for tests of memory. @defaultValue true */
  readonly keepsCalls?: boolean;
  /** Parts of {@link Reranker.info} that differ from the fake's own. */
  readonly info?: Partial<RerankerInfo>;
}

/** A {@link Reranker} that remembers its calls. */
export interface FakeReranker extends Reranker {
  /** Every shortlist of a call, in order. */
  readonly calls: readonly Shortlist[];
  /** How many calls were ended by their signal. */
  readonly abortedCalls: number;
}

/**
 * Opens a fake reranker. The fake honours the whole contract: permutation, ties in shortlist order, abort, use after
 * close.
 *
 * @example const reranker = fakeReranker({ logit: ({ docId }) => (docId === 'astronomer' ? 1 : 0) }); const failing =
 * fakeReranker({ fault: () => { throw new Error('the device is gone'); } });
 */
export function fakeReranker(options: FakeRerankerOptions = {}): FakeReranker {
  const calls: Shortlist[] = [];
  const closing = new AbortController();
  let abortedCalls = 0;
  let count = 0;
  const { obeysSignal = true, keepsCalls = true } = options;
  const rank = async (shortlist: Shortlist, wanted: RerankOptions): Promise<Ranking> => {
    const { signal, explain = false, readWithinMs } = wanted;
    if (closing.signal.aborted) throw closing.signal.reason;
    if (obeysSignal) signal?.throwIfAborted();
    if (keepsCalls) calls.push(shortlist);
    count += 1;
    const call = count;
    await (options.delayMs ? sleep(options.delayMs) : undefined);
    await options.fault?.(call, shortlist);
    const whole = rankingOf(shortlist, options, explain);
    const read = readWithinMs === undefined ? undefined : options.readsInTime?.(call, shortlist);
    const ranking = read === undefined ? whole : readInPart(whole, read);
    return options.answer?.(ranking, shortlist) ?? ranking;
  };
  return {
    info: { ...fakeInfo, ...options.info },
    calls,
    get abortedCalls() {
      return abortedCalls;
    },
    rerank(shortlist, call = {}) {
      const { signal } = call;
      const work = rank(shortlist, call);
      const ends = [closing.signal, ...(signal && obeysSignal ? [signal] : [])];
      return endedBy(work, ends, (ended) => {
        if (ended === signal) abortedCalls += 1;
      });
    },
    ...(options.readAnchor && { readAnchor: options.readAnchor }),
    async close() {
      closing.abort(new TypeError('FakeReranker.rerank: expected an open reranker, got a closed one.'));
    },
  };
}

const fakeInfo: RerankerInfo = {
  name: 'fake',
  encodingDigest: 'fake-encoding',
  readoutDigest: 'fake-readout',
  profile: 'cacheable',
  executionProvider: 'none',
  languages: ['en'],
  ready: true,
};

function rankingOf(shortlist: Shortlist, options: FakeRerankerOptions, explain: boolean): Ranking {
  const { query, candidates } = shortlist;
  const { logit = sharedWords, calibrate = logistic } = options;
  const logits = candidates.map((candidate, index) => logit(candidate, query, index));
  const highest = Math.max(...logits);
  const weights = logits.map((value) => Math.exp(value - highest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const ranked = logits.map(
    (value, index): RankedCandidate => ({
      index,
      logit: value,
      score: weights[index]! / sum,
      ...(calibrate && { calibratedScore: calibrate(value) }),
      ...(explain && {
        explanation: { anchorLogit: value, readingWeight: 1 / logits.length, spans: [] },
      }),
    }),
  );
  const words = [query.text, ...candidates.map(({ text }) => text)].map(wordsOf);
  return {
    candidates: ranked.sort((a, b) => b.logit - a.logit || a.index - b.index),
    usage: {
      tokens: words.reduce((total, list) => total + list.length, 0),
      truncatedTokens: 0,
      statesFound: 0,
      statesEncoded: candidates.length,
    },
  };
}

/** The ranking as if only the leading documents had been read: all others keep their ranks, which are below. */
function readInPart({ candidates, usage }: Ranking, read: number): Ranking {
  if (read >= candidates.length) return { candidates, usage };
  const known = candidates.filter(({ index }) => index < read);
  const lowest = known.reduce((least, { logit }) => Math.min(least, logit), 0);
  const rest = candidates
    .filter(({ index }) => index >= read)
    .sort((a, b) => a.index - b.index)
    .map(({ index }): RankedCandidate => ({ index, logit: lowest - 1, score: 0, isRead: false }));
  return {
    candidates: [...known, ...rest],
    usage: { ...usage, statesEncoded: read, read, stoppedBy: 'time' },
  };
}

function sharedWords({ text }: Candidate, query: Query): number {
  const words = new Set(wordsOf(text));
  return new Set(wordsOf(query.text).filter((word) => words.has(word))).size;
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function logistic(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The work's result, or the reason of the first signal that aborts. */
function endedBy<T>(
  work: Promise<T>,
  signals: readonly AbortSignal[],
  onEnd: (signal: AbortSignal) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const forgets: (() => void)[] = [];
    const stop = (): void => {
      for (const forget of forgets) forget();
    };
    for (const signal of signals) {
      const end = (): void => {
        onEnd(signal);
        stop();
        reject(signal.reason);
      };
      forgets.push(onAbort(signal, end));
    }
    work.finally(stop).then(resolve, reject);
  });
}
