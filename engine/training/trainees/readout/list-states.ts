/** The states of training lists, encoded once and kept in memory within a budget. */
import { LRUCache } from 'lru-cache';
import type { TensorValue } from '../../../graph/tensor.ts';
import { type ReadoutList, type TokenForm, toReadoutFeeds } from '../../../network/readout/readout-feeds.ts';
import { poolMasses, toLogMasses } from '../../../readout/token-head.ts';
import type { EncodedShortlist, EncoderReranker } from '../../../rerank/encoder/encoder-reranker.ts';
import { narrowFloats } from '../../../weights/half.ts';
import type { TrainingList } from '../../trainer/training-list.ts';
import { collectGarbage } from './collect-garbage.ts';

/** Feeds of one list's states. */
type Feeds = Readonly<Record<string, TensorValue>>;

/** A list's states are about 50 MB, a collection takes about as long as reading one of them. */
const listsPerCollection = 16;

/** Encodes lists, and keeps what the graph is fed of them. */
export class ListStates {
  readonly #reranker: EncoderReranker;
  /** How the token head is fed. */
  readonly form: TokenForm;
  readonly #feeds: LRUCache<string, Feeds>;
  #encoded = 0;

  /** @param maxBytes - Most bytes of feeds that are kept; others are read from the reranker's states again. */
  constructor(reranker: EncoderReranker, form: TokenForm, maxBytes: number) {
    this.#reranker = reranker;
    this.form = form;
    this.#feeds = new LRUCache({ maxSize: Math.max(1, maxBytes), sizeCalculation: bytesOfFeeds });
  }

  /** What the readout's graph is fed of a list. @throws QueryError when the query holds no word that the model reads. */
  async feeds(list: TrainingList): Promise<Feeds> {
    const key = JSON.stringify([
      list.set,
      list.queryId,
      list.query,
      ...list.documents.map(({ docId }) => docId),
    ]);
    const known = this.#feeds.get(key);
    if (known) return known;
    const encoded = await this.#reranker.encode({
      query: { text: list.query },
      firstStage: 'unknown',
      candidates: list.documents.map(({ docId, text }) => ({ docId, text, segments: [] })),
    });
    this.#encoded += 1;
    if (this.#encoded % listsPerCollection === 0) collectGarbage();
    const states = await this.#toList(encoded);
    const feeds = { ...toReadoutFeeds(states, this.form), [tokensName]: tokensFeed(states) };
    this.#feeds.set(key, feeds);
    return feeds;
  }

  async #toList(encoded: EncodedShortlist): Promise<ReadoutList> {
    const { query, states } = encoded;
    const documents = states.map(({ blockTokens, anchors, tokens }) => ({
      blockTokens,
      anchors,
      tokens: tokens && this.form === 'float16' ? toHalves(tokens) : tokens,
    }));
    if (this.form !== 'pooled') return { query, documents };
    const { tokenTau, pooling } = this.#reranker.readout;
    const D = states.reduce((sum, { blockTokens }) => sum + blockTokens.length, 0);
    const logSums = await this.#reranker.tokenLogSums(encoded, tokenTau);
    return { query, documents, pooled: poolMasses(toLogMasses(logSums, D), D, pooling) };
  }
}

/** A list's tokens are kept with its feeds, though no graph reads their count. */
const tokensName = 'tokens';

function tokensFeed({ query, documents }: ReadoutList): TensorValue {
  const inDocuments = documents.flatMap(({ blockTokens }) => blockTokens);
  const count = inDocuments.reduce((sum, each) => sum + each, query.tokens.length / query.width);
  return { type: 'int64', shape: [1], data: BigInt64Array.of(BigInt(count)) };
}

/** Tokens whose states stand behind a list's feeds: the query's own words, and the documents'. */
export const listTokens = (feeds: Feeds): number => Number(feeds[tokensName]!.data[0]);

function toHalves(floats: Float32Array): Uint16Array {
  const halves = new Uint16Array(floats.length);
  narrowFloats(floats, halves, 0);
  return halves;
}

function bytesOfFeeds(feeds: Feeds): number {
  return Object.values(feeds).reduce((sum, { data }) => sum + data.byteLength, 1);
}
