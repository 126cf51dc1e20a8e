/** The reranker of the `cacheable` profile: block states, the query block, the readout, an order. */
import { LRUCache } from 'lru-cache';
import type {
  BlockState,
  Embedder,
  Embeddings,
  PreparableDocument,
  Preparation,
  Query,
  Ranking,
  ReadAnchor,
  Reranker,
  RerankerInfo,
  RerankOptions,
  Shortlist,
} from '../../contract.ts';
import { lazyEmbedder } from '../../embedding/lazy-embedder.ts';
import { longestTimerMs } from '../../longest-timer.ts';
import type { Precision } from '../../network/encoder-builder.ts';
import { type ReadoutHeads, tokenQuery } from '../../readout/heads.ts';
import type { QueryState, ReadoutParameters } from '../../readout/parameters.ts';
import type { WeighedPrecedents } from '../../readout/precedents.ts';
import { read } from '../../readout/reading.ts';
import { stackAnchors } from '../../readout/readout.ts';
import type { RelevanceRules } from '../../scores/relevance.ts';
import type { EncodedTexts } from '../../states/list-states.ts';
import type { EncodeOptions, StateEncoder } from '../../states/state-encoder.ts';
import { textDigest } from '../../text-digest.ts';
import { documentAnchors } from './document-anchors.ts';
import type { Dropping, DroppingOptions } from './dropping.ts';
import type { EncoderWorkers } from './encoder-workers.ts';
import { assertReadable, countTokens, toAsked } from './query-tokens.ts';
import { rankStates } from './rank-states.ts';
import { ReadingTime } from './reading-time.ts';
import type { Stopping } from './stopping.ts';
import type { TokenSums } from './token-products.ts';

/** What {@link EncoderReranker} is made of. */
export interface EncoderRerankerParts {
  /** What it is. */
  readonly info: RerankerInfo;
  /** Where its model lies, absolute. */
  readonly modelFolder: string;
  /** How documents' layers multiply. */
  readonly precision: Precision;
  /** Values an anchor. */
  readonly width: number;
  /** Reading and scoring. */
  readonly readout: ReadoutParameters;
  /** Trained parts of reading and scoring. @defaultValue none */
  readonly heads?: ReadoutHeads | undefined;
  /** Judged queries, and what they weigh. @defaultValue none */
  readonly precedents?: WeighedPrecedents | undefined;
  /** Probabilities of relevance. @defaultValue none: cosines are calibrated */
  readonly relevance?: RelevanceRules | undefined;
  /** States of documents. */
  readonly states: StateEncoder;
  /** Worker threads. */
  readonly workers: EncoderWorkers;
  /** Ranks with documents dropped. @defaultValue every document is read whole */
  readonly dropping?: Dropping | undefined;
  /** Tells when the rest of a list needs no reading. @defaultValue every document is read */
  readonly stopping?: Stopping | undefined;
  /** Frees everything. */
  close(): Promise<void>;
}

/** A shortlist's states: what every readout over it starts from. */
export interface EncodedShortlist {
  /** The query block's. */
  readonly query: QueryState;
  /** One a candidate, in shortlist order. */
  readonly states: readonly BlockState[];
}

/** A time before which nothing can be encoded: what is at hand is given. */
const atHand = Number.NEGATIVE_INFINITY;
/** Query blocks kept: the same question is often asked page by page. */
const keptQueries = 256;

/** See {@link Reranker}. Made by `openReranker`. */
export class EncoderReranker implements Reranker {
  readonly info: RerankerInfo;
  /** How documents' layers multiply: states of another precision are another encoder's. */
  readonly precision: Precision;
  readonly embedder: Embedder;
  readonly #parts: EncoderRerankerParts;
  readonly #queries = new LRUCache<string, QueryState>({ max: keptQueries });
  readonly #time = new ReadingTime();
  #closed: Promise<void> | undefined;

  /** @internal Made by `openReranker`. */
  constructor(parts: EncoderRerankerParts) {
    this.#parts = parts;
    this.info = parts.info;
    this.precision = parts.precision;
    this.embedder = lazyEmbedder({ model: parts.modelFolder });
  }

  /** @throws QueryError when the query holds no word that the model reads. */
  async rerank(shortlist: Shortlist, options: RerankOptions = {}): Promise<Ranking> {
    const { readWithinMs = Number.POSITIVE_INFINITY } = options;
    const { dropping, stopping, states } = this.#parts;
    if (dropping && states.hasTimeFor(textsOf(shortlist), readWithinMs))
      return this.#dropInTime(dropping, shortlist, { ...options, readWithinMs });
    if (stopping || readWithinMs < Number.POSITIVE_INFINITY)
      return this.#rerankInPart(shortlist, options, readWithinMs);
    const { query, encoded } = await this.#encode(shortlist, options);
    return rankStates(this.#parts, { query, encoded }, shortlist, options);
  }

  /** Drops documents; where that takes longer than there is time, ranks what is at hand by then. */
  async #dropInTime(
    dropping: Dropping,
    shortlist: Shortlist,
    options: RerankOptions & { readonly readWithinMs: number },
  ): Promise<Ranking> {
    const { readWithinMs, signal } = options;
    this.#assertOpen('rerank', signal);
    const call = { ...options, stored: storedOf(shortlist) };
    const drop = (until?: AbortSignal): Promise<Ranking> =>
      dropping.rank(
        shortlist,
        this.#encodeQuery(shortlist.query, options),
        until ? { ...call, signal: until } : call,
      );
    if (readWithinMs === Number.POSITIVE_INFINITY) return drop();
    const late = AbortSignal.timeout(Math.min(Math.floor(readWithinMs), longestTimerMs));
    try {
      return await drop(signal ? AbortSignal.any([signal, late]) : late);
    } catch (error) {
      if (!late.aborted || signal?.aborted) throw error;
      this.#parts.states.noteLate(textsOf(shortlist), readWithinMs);
      return this.#rerankInPart(shortlist, options, 0);
    }
  }

  /** Ranks what there is time for, or what the page needs. */
  async #rerankInPart(shortlist: Shortlist, options: RerankOptions, readWithinMs: number): Promise<Ranking> {
    const { signal, tenant } = options;
    const { stopping } = this.#parts;
    this.#assertOpen('rerank', signal);
    const times = this.#time.of(readWithinMs, shortlist.candidates.length);
    const asked = this.#encodeQuery(shortlist.query, { signal, tenant });
    const [query, encoded] = await Promise.all([
      asked,
      this.#parts.states.encodeUntil(textsOf(shortlist), times.readUntilMs, {
        signal,
        stored: storedOf(shortlist),
        tenant,
        isEnough: stopping && (async (states) => stopping.isEnough(await asked, states, shortlist)),
      }),
    ]);
    return this.#time.readout(shortlist.candidates.length, () =>
      rankStates(this.#parts, { query, encoded, tokensWithinMs: times.tokensWithinMs() }, shortlist, options),
    );
  }

  /** The documents' anchors, one a document; the query is not read. */
  async anchors(
    shortlist: Shortlist,
    options: Pick<RerankOptions, 'signal' | 'tenant'> = {},
  ): Promise<Embeddings> {
    this.#assertOpen('anchors', options.signal);
    const { states } = await this.#encodeDocuments(shortlist, options);
    return { width: this.#parts.width, rows: documentAnchors(states, this.#parts.width) };
  }

  /** The query's anchor after it has read the block states at hand; nothing but the query is encoded. */
  async readAnchor(
    shortlist: Shortlist,
    { signal, tenant }: Pick<RerankOptions, 'signal' | 'tenant'> = {},
  ): Promise<ReadAnchor> {
    this.#assertOpen('readAnchor', signal);
    const stored = storedOf(shortlist);
    const [query, encoded] = await Promise.all([
      this.#encodeQuery(shortlist.query, { signal, tenant }),
      this.#parts.states.encodeUntil(textsOf(shortlist), atHand, { signal, stored, tenant }),
    ]);
    const states = encoded.states.filter((state) => state !== undefined);
    const { readout, heads, width } = this.#parts;
    const { anchor } = read(query.anchor, stackAnchors(states, width), readout, heads?.reading);
    return { values: Float32Array.from(anchor), read: states.length };
  }

  /** Tokens of query and documents before caps cut any away. */
  async countTokens(
    shortlist: Shortlist,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<number> {
    if (this.#closed) throw new TypeError('countTokens: the reranker is closed.');
    return countTokens(this.#parts.workers, shortlist, signal);
  }

  /** Encodes documents ahead of any query, and keeps their states where the reranker keeps any. */
  async prepare(
    documents: readonly PreparableDocument[],
    { signal, tenant }: Pick<RerankOptions, 'signal' | 'tenant'> = {},
  ): Promise<Preparation> {
    if (this.#closed) throw new TypeError('prepare: the reranker is closed.');
    const texts = documents.map(({ text }) => text);
    const encoded = await this.#parts.states.encode(texts, { signal, tenant, untilKept: true });
    const { states, statesFound, statesEncoded } = encoded;
    const truncated = documents.flatMap(({ docId }, i) => (states[i]!.truncatedTokens > 0 ? [docId] : []));
    return { statesFound, statesEncoded, truncated };
  }

  /** The states that {@link rerank} would read, for tuning and for readouts of one's own. */
  async encode(
    shortlist: Shortlist,
    options: Pick<RerankOptions, 'signal' | 'tenant'> = {},
  ): Promise<EncodedShortlist> {
    const { query, encoded } = await this.#encode(shortlist, options);
    return { query, states: encoded.states };
  }

  /** One state a text, in their order: those that {@link rerank} would read of documents with these texts. */
  async encodeTexts(
    texts: readonly string[],
    { signal, tenant }: Pick<RerankOptions, 'signal' | 'tenant'> = {},
  ): Promise<readonly BlockState[]> {
    if (this.#closed) throw new TypeError('encodeTexts: the reranker is closed.');
    return (await this.#parts.states.encode(texts, { signal, tenant })).states;
  }

  /**
   * The numerators of the token head's masses, `log sum_j exp(q_i·x_dj / tau)`, computed by the workers; where the model
   * has a trained token head, of the query as that one reads it.
   *
   * @returns Row-major, shape `[query tokens, blocks]`.
   */
  async tokenLogSums(encoded: EncodedShortlist, tau: number): Promise<Float64Array> {
    return (await this.tokenSums(encoded, tau)).logSums;
  }

  /** {@link tokenLogSums}, and how well the best passage of each block matches the query. */
  tokenSums({ query, states }: EncodedShortlist, tau: number): Promise<TokenSums> {
    return this.#parts.workers.tokenSums(tokenQuery(query, this.heads), states, tau);
  }

  /** What {@link DroppingOptions} choose documents by, one score a candidate, for tuning. @throws TypeError without them */
  async guessScores(shortlist: Shortlist, { signal }: Pick<RerankOptions, 'signal'> = {}): Promise<number[]> {
    const { dropping } = this.#parts;
    this.#assertOpen('guessScores', signal);
    if (!dropping) throw new TypeError('guessScores: expected a reranker opened with dropping.');
    const query = this.#encodeQuery(shortlist.query, { signal });
    return [...(await dropping.score(shortlist, query, signal)).scores.scores];
  }

  /** Values a vector. */
  get width(): number {
    return this.#parts.width;
  }

  /** Reading and scoring parameters in use. */
  get readout(): ReadoutParameters {
    return this.#parts.readout;
  }

  /** Trained parts of reading and scoring in use; undefined where the model has none. */
  get heads(): ReadoutHeads | undefined {
    return this.#parts.heads;
  }

  /** Judged queries in use; undefined where the model has none. */
  get precedents(): WeighedPrecedents | undefined {
    return this.#parts.precedents;
  }

  /** Probabilities of relevance in use; undefined where cosines are calibrated. */
  get relevance(): RelevanceRules | undefined {
    return this.#parts.relevance;
  }

  /** The model's folder, absolute. */
  get modelFolder(): string {
    return this.#parts.modelFolder;
  }

  close(): Promise<void> {
    this.#closed ??= this.#parts.close();
    return this.#closed;
  }

  async #encode(
    shortlist: Shortlist,
    options: Pick<RerankOptions, 'signal' | 'tenant'>,
  ): Promise<{ query: QueryState; encoded: EncodedTexts }> {
    const { signal, tenant } = options;
    this.#assertOpen('rerank', signal);
    const [query, encoded] = await Promise.all([
      this.#encodeQuery(shortlist.query, { signal, tenant }),
      this.#encodeDocuments(shortlist, options),
    ]);
    return { query, encoded };
  }

  #encodeDocuments(
    shortlist: Shortlist,
    { signal, tenant }: Pick<RerankOptions, 'signal' | 'tenant'>,
  ): Promise<EncodedTexts> {
    const options = { signal, stored: storedOf(shortlist), tenant };
    return this.#parts.states.encode(textsOf(shortlist), options);
  }

  #assertOpen(method: string, signal: AbortSignal | undefined): void {
    if (this.#closed) throw new TypeError(`${method}: the reranker is closed.`);
    signal?.throwIfAborted();
  }

  async #encodeQuery(
    asked: Query,
    { signal, tenant = '' }: Pick<EncodeOptions, 'signal' | 'tenant'>,
  ): Promise<QueryState> {
    // A question of megabytes is kept as its digest.
    const { text, instruction } = asked;
    const name = textDigest(JSON.stringify([tenant, text, instruction]));
    const known = this.#queries.get(name);
    if (known) return known;
    const query = await this.#parts.workers.encodeQuery(toAsked(asked), signal);
    assertReadable(query, text);
    this.#queries.set(name, query);
    return query;
  }
}

const textsOf = ({ candidates }: Shortlist): readonly string[] => candidates.map(({ text }) => text);

/** The states that the search index keeps; undefined where it was not asked. */
function storedOf({ candidates, asksStates }: Shortlist): EncodeOptions['stored'] {
  const isStored = asksStates === true || candidates.some(({ storedState }) => storedState !== undefined);
  return isStored ? candidates.map(({ storedState }) => storedState) : undefined;
}
