/**
 * The reranker of an encoder's `in-context` profile: the query block is read once a request, then the documents in its light. States
 * live for one request; none is looked for, and none is kept.
 */
import type { Embedder, Ranking, Reranker, RerankerInfo, RerankOptions, Shortlist } from '../../contract.ts';
import { lazyEmbedder } from '../../embedding/lazy-embedder.ts';
import type { BatchOptions } from '../../states/batches.ts';
import type { ReadTexts } from '../../states/list-states.ts';
import { memorySource } from '../../states/memory-source.ts';
import { ReadingPace } from '../../states/reading-pace.ts';
import { StateEncoder } from '../../states/state-encoder.ts';
import type { WaveOptions } from '../../states/waves.ts';
import { assertReadable, countTokens, toAsked } from './query-tokens.ts';
import { rankStates, type StateReader } from './rank-states.ts';
import { ReadingTime } from './reading-time.ts';
import type { QueryBlockState } from './seen-feeds.ts';

/** What {@link InContextEncoderReranker} is made of. */
export interface InContextRerankerParts extends StateReader {
  /** What it is. */
  readonly info: RerankerInfo;
  /** Where its model lies, absolute. */
  readonly modelFolder: string;
  /** Values a vector. */
  readonly width: number;
  /** Which part of a state is read. */
  readonly tier: 'tokens' | 'anchor';
  /** How documents are put into batches. */
  readonly batches: BatchOptions & { readonly waves?: WaveOptions; readonly documentTokens?: number };
}

/** See {@link Reranker}. Made by `openReranker`. */
export class InContextEncoderReranker implements Reranker {
  readonly info: RerankerInfo;
  readonly embedder: Embedder;
  readonly #parts: InContextRerankerParts;
  readonly #nothing = memorySource({ maxBytes: 0 });
  readonly #pace: ReadingPace;
  readonly #time = new ReadingTime();
  #closed: Promise<void> | undefined;

  /** @internal Made by `openReranker`. */
  constructor(parts: InContextRerankerParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.#pace = new ReadingPace(parts.batches.batchTokens);
    this.embedder = lazyEmbedder({ model: parts.modelFolder });
  }

  /** @throws QueryError when the query holds no word that the model reads. */
  async rerank(shortlist: Shortlist, options: RerankOptions = {}): Promise<Ranking> {
    const { signal, readWithinMs = Number.POSITIVE_INFINITY } = options;
    this.#assertOpen('rerank', signal);
    const isTimed = readWithinMs < Number.POSITIVE_INFINITY;
    const times = this.#time.of(readWithinMs, shortlist.candidates.length);
    const query = await this.#parts.workers.encodeQuery(toAsked(shortlist.query), signal);
    assertReadable(query, shortlist.query.text);
    const encoded = await this.#read(shortlist, query, signal, isTimed ? times.readUntilMs : undefined);
    const tokensWithinMs = isTimed ? times.tokensWithinMs() : undefined;
    return this.#time.readout(shortlist.candidates.length, () =>
      rankStates(this.#parts, { query, encoded, tokensWithinMs }, shortlist, options),
    );
  }

  /** Tokens of query and documents before caps cut any away. */
  async countTokens(
    shortlist: Shortlist,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    this.#assertOpen('countTokens', signal);
    return countTokens(this.#parts.workers, shortlist, signal);
  }

  /** The model's folder, absolute. */
  get modelFolder(): string {
    return this.#parts.modelFolder;
  }

  close(): Promise<void> {
    this.#closed ??= this.#parts.workers.close();
    return this.#closed;
  }

  /** The documents' states in the light of one query. An encoder of its own, so that no other request joins its texts. */
  #read(
    { candidates }: Shortlist,
    { seen }: QueryBlockState,
    signal: AbortSignal | undefined,
    untilMs: number | undefined,
  ): Promise<ReadTexts> {
    const { info, width, tier, workers, batches } = this.#parts;
    const states = new StateEncoder({
      ...batches,
      encodingDigest: info.encodingDigest,
      width,
      tier,
      pace: this.#pace,
      source: this.#nothing,
      encoding: {
        tokenise: (texts, task) => workers.tokenise(texts, task),
        encode: (blocks, task) => workers.encode(blocks, task, seen),
      },
    });
    const texts = candidates.map(({ text }) => text);
    return untilMs === undefined
      ? states.encode(texts, { signal })
      : states.encodeUntil(texts, untilMs, { signal });
  }

  #assertOpen(method: string, signal: AbortSignal | undefined): void {
    if (this.#closed) throw new TypeError(`${method}: the reranker is closed.`);
    signal?.throwIfAborted();
  }
}
