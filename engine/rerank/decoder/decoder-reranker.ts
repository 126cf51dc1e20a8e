/** The reranker of the `in-context` profile: documents are read in the light of the query, one request at a time. */

import { abortable, onAbort } from '../../abortable.ts';
import type {
  Embedder,
  Explanation,
  Query,
  Ranking,
  RankingUsage,
  Reranker,
  RerankerInfo,
  RerankOptions,
  Shortlist,
} from '../../contract.ts';
import { lazyEmbedder } from '../../embedding/lazy-embedder.ts';
import { MemoryLimitError, QueryError } from '../../errors.ts';
import { toRanking } from '../../scores/ranking.ts';
import type { PooledProgram } from '../../session/pool.ts';
import { readableBytes } from './decoder-memory.ts';
import type {
  DecoderAnswers,
  DecoderTask,
  DocumentScore,
  HeadScores,
  HeadsAnswer,
  RankAnswer,
} from './decoder-tasks.ts';
import type { MemoryBytes, MemoryShortage } from './list-path.ts';

/** What {@link DecoderReranker} is made of. */
export interface DecoderRerankerParts {
  /** What it is. */
  readonly info: RerankerInfo;
  /** Where its model lies, absolute. */
  readonly modelFolder: string;
  /** The decoder's program. */
  readonly program: PooledProgram<DecoderTask, DecoderAnswers[DecoderTask['kind']]>;
  /** Bytes that one request may take, asked anew for each. */
  readonly allowedBytes: () => MemoryBytes;
}

const noUsage: RankingUsage = { tokens: 0, truncatedTokens: 0, statesFound: 0, statesEncoded: 0 };

/** See {@link Reranker}. Made by `openReranker`. */
export class DecoderReranker implements Reranker {
  readonly info: RerankerInfo;
  readonly embedder: Embedder;
  readonly #parts: DecoderRerankerParts;
  #closed: Promise<void> | undefined;

  /** @internal Made by `openReranker`. */
  constructor(parts: DecoderRerankerParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.embedder = lazyEmbedder({ model: parts.modelFolder });
  }

  /** The model's folder, absolute. */
  get modelFolder(): string {
    return this.#parts.modelFolder;
  }

  /**
   * @throws QueryError when the query holds no word. @throws MemoryLimitError when the shortlist would take more memory
   * than is allowed; nothing is run then.
   */
  async rerank(shortlist: Shortlist, { signal, explain = false }: RerankOptions = {}): Promise<Ranking> {
    this.#assertCallable('rerank', shortlist, signal);
    const { candidates, query } = shortlist;
    if (candidates.length === 0) return { candidates: [], usage: noUsage };
    const texts = candidates.map(({ text }) => text);
    const answer = await this.#request({ kind: 'rank', ...wordsOf(query), texts, explain }, signal);
    const { documents, tokens, truncatedTokens } = answer as Extract<RankAnswer, { kind: 'ranked' }>;
    const scored = documents.map((document, index) => ({
      index,
      logit: document.logit,
      ...(explain ? { explanation: toExplanation(document) } : {}),
    }));
    return toRanking(scored, { tokens, truncatedTokens, statesFound: 0, statesEncoded: texts.length });
  }

  /**
   * Calibrated scores of every layer and head, for selecting heads.
   *
   * @throws TypeError when the model is one that was trained to rank.
   */
  async headScores(
    shortlist: Shortlist,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<HeadScores> {
    this.#assertCallable('headScores', shortlist, signal);
    const texts = shortlist.candidates.map(({ text }) => text);
    const answer = await this.#request({ kind: 'heads', ...wordsOf(shortlist.query), texts }, signal);
    const { scores, shape } = answer as HeadScores;
    return { scores, shape };
  }

  /** Tokens of the prompt before caps cut any away. */
  async countTokens(
    shortlist: Shortlist,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    this.#assertCallable('countTokens', shortlist, signal);
    const { query, candidates } = shortlist;
    const texts = candidates.map(({ text }) => text);
    return (await abortable(
      this.#parts.program.run({ kind: 'count', ...wordsOf(query), texts }, signal ? { signal } : {}),
      signal,
    )) as number;
  }

  /**
   * The greedy continuation of a text, special tokens parsed: a check of weights and tokenizer.
   *
   * @param tokens - Tokens to add at most.
   */
  async continueText(text: string, tokens: number): Promise<string> {
    if (this.#closed) throw new TypeError('continueText: the reranker is closed.');
    return (await this.#parts.program.run({ kind: 'continue', text, tokens })) as string;
  }

  close(): Promise<void> {
    this.#closed ??= this.#parts.program.close();
    return this.#closed;
  }

  #assertCallable(method: string, { query }: Shortlist, signal: AbortSignal | undefined): void {
    if (this.#closed) throw new TypeError(`${method}: the reranker is closed.`);
    signal?.throwIfAborted();
    if (/[\p{L}\p{N}]/u.test(query.text)) return;
    throw new QueryError(
      `Cannot rerank for the query ${JSON.stringify(query.text.slice(0, 80))}: it holds no word that the model reads.`,
    );
  }

  /** Runs a task that can be given up between its batches. */
  async #request(
    asked:
      | {
          readonly kind: 'rank';
          query: string;
          instruction?: string;
          texts: readonly string[];
          explain: boolean;
        }
      | { readonly kind: 'heads'; query: string; instruction?: string; texts: readonly string[] },
    signal: AbortSignal | undefined,
  ): Promise<RankAnswer | HeadsAnswer> {
    const cancelled = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const allowed = this.#parts.allowedBytes();
    const forget = signal && onAbort(signal, () => Atomics.store(cancelled, 0, 1));
    try {
      const task = { ...asked, cancelled, allowed } satisfies DecoderTask;
      const run = this.#parts.program.run(task, signal ? { signal } : {});
      const answer = (await abortable(run, signal)) as RankAnswer | HeadsAnswer;
      if (answer.kind === 'too-large') throw tooLarge(answer);
      return answer;
    } finally {
      forget?.();
    }
  }
}

const wordsOf = ({ text, instruction }: Query): { query: string; instruction?: string } => ({
  query: text,
  ...(instruction !== undefined && { instruction }),
});

function tooLarge({ memory, neededBytes, allowedBytes }: MemoryShortage): MemoryLimitError {
  const where = memory === 'device' ? ' of the device' : '';
  const sizes = `shortlist needs ${readableBytes(neededBytes)}${where}, ${readableBytes(allowedBytes)} are allowed`;
  return new MemoryLimitError(
    `Cannot rerank: ${sizes}: lower rankWindowSize, maxDocumentTokens or batchTokens.`,
    { neededBytes, allowedBytes, memory },
  );
}

const toExplanation = ({ mass, templateMass, spans }: DocumentScore): Explanation => ({
  mass,
  templateMass,
  spans,
});
