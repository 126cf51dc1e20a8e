/**
 * Measures what codecs of block states cost: the default order from states that went through each codec, and the
 * states' bytes.
 */
import { LRUCache } from 'lru-cache';
import { applySteps } from '../compose/stepped.ts';
import type { BlockState, ScoreStep, Shortlist } from '../contract.ts';
import { readOut } from '../readout/readout.ts';
import type { EncoderReranker } from '../rerank/encoder/encoder-reranker.ts';
import { defaultScoreSteps } from '../scores/fusion.ts';
import { rankLogits } from '../scores/ranking.ts';
import { decodeState, encodeState } from '../states/codec.ts';
import { stateBytes } from '../states/memory-source.ts';
import type { StateCodec } from '../states/state-codec.ts';
import type { CollectionResult } from './evaluate-collection.ts';
import { aligned } from './report.ts';
import { type System, systemsOver } from './systems.ts';

/** Name of the system that reads states as they were encoded; the others are compared with it. */
export const unencoded = 'default';

/** The size of an evaluation's documents in one codec. */
export interface StateSize {
  /** Documents that were encoded. */
  readonly documents: number;
  /** Mean bytes a document, head included. */
  readonly bytes: number;
  /** Bytes over those of the same documents' vectors in float32, all tokens; in (0, 1]. */
  readonly share: number;
}

/** Systems by name, and how large their states were up to now. */
export interface StateForms {
  /** `default`, which reads states as they were encoded, and one system a codec, of the codec's name. */
  readonly systems: Readonly<Record<string, System>>;
  /** Sizes by name of the codec. */
  sizes(): ReadonlyMap<string, StateSize>;
}

/** Most bytes of states that are kept between queries: most documents are candidates of many queries. */
const keptBytes = 512 * 1024 * 1024;

/**
 * The default system over states that went through codecs, for one collection.
 *
 * @param reranker - Of tier `tokens`; its states must not have been rounded by a source.
 */
export function stateForms(
  reranker: EncoderReranker,
  codecs: readonly StateCodec[],
  steps: readonly ScoreStep[] = defaultScoreSteps(reranker.info),
): StateForms {
  const kept = new LRUCache<string, Uint8Array>({
    maxSize: keptBytes,
    sizeCalculation: ({ byteLength }) => byteLength,
  });
  const tallies = new Map(codecs.map(({ name }) => [name, new SizeTally()]));
  const key = { encodingDigest: reranker.info.encodingDigest, textDigest: '' };
  const through = (docId: string, state: BlockState, codec: StateCodec): BlockState => {
    const name = `${codec.name}/${docId}`;
    const bytes = kept.get(name) ?? encodeState(key, state, codec);
    kept.set(name, bytes);
    tallies.get(codec.name)!.add(docId, bytes.byteLength, stateBytes(state));
    const { state: read } = decodeState(bytes, key, codec);
    if (!read) throw new TypeError(`stateForms: expected ${codec.name} to read what it wrote.`);
    return read;
  };
  const system =
    (codec: StateCodec): System =>
    async (shortlist: Shortlist, signal) => {
      const { query, states } = await reranker.encode(shortlist, signal ? { signal } : {});
      const read = states.map((state, i) => through(shortlist.candidates[i]!.docId, state, codec));
      const logSums =
        codec.tier === 'tokens' && reranker.readout.tokenWeight > 0 && read.length > 0
          ? await reranker.tokenLogSums({ query, states: read }, reranker.readout.tokenTau)
          : undefined;
      const { logits } = readOut(query, read, reranker.readout, { logSums, heads: reranker.heads });
      const { candidates } = await applySteps(rankLogits(logits), shortlist, { steps, reranker, signal });
      return candidates.map(({ index }) => index);
    };
  return {
    systems: {
      [unencoded]: systemsOver(reranker, steps).default,
      ...Object.fromEntries(codecs.map((codec) => [codec.name, system(codec)])),
    },
    sizes: () => new Map([...tallies].map(([name, tally]) => [name, tally.size])),
  };
}

class SizeTally {
  readonly #documents = new Set<string>();
  #bytes = 0;
  #rawBytes = 0;

  /** Counts each document once. */
  add(docId: string, bytes: number, rawBytes: number): void {
    if (this.#documents.has(docId)) return;
    this.#documents.add(docId);
    this.#bytes += bytes;
    this.#rawBytes += rawBytes;
  }

  get size(): StateSize {
    const documents = this.#documents.size;
    return {
      documents,
      bytes: documents === 0 ? 0 : this.#bytes / documents,
      share: this.#rawBytes === 0 ? 0 : this.#bytes / this.#rawBytes,
    };
  }
}

/** A codec's size and its loss, as plain data. */
export interface JsonStateForm extends StateSize {
  /** Mean of the unencoded states less mean of the codec's, by measure; positive: the codec loses. */
  readonly loss: Readonly<Record<string, number>>;
}

/** Sizes and losses by codec. */
export function toJsonStateForms(
  { measured }: Pick<CollectionResult, 'measured'>,
  sizes: ReadonlyMap<string, StateSize>,
): Record<string, JsonStateForm> {
  const whole = measured.get(unencoded)!;
  return Object.fromEntries(
    [...sizes].map(([name, size]) => {
      const losses = [...measured.get(name)!].map(
        ([measure, { mean }]) => [measure, whole.get(measure)!.mean - mean] as const,
      );
      return [name, { ...size, loss: Object.fromEntries(losses) }];
    }),
  );
}

/** A table of sizes and losses: a line a codec; p-values stand in the collection's own table. */
export function toStateTable(
  result: Pick<CollectionResult, 'measured'>,
  sizes: ReadonlyMap<string, StateSize>,
): string {
  const measures = [...result.measured.get(unencoded)!.keys()];
  const head = ['states', 'bytes a document', 'of float32', ...measures.map((name) => `${name} loss`)];
  const body = Object.entries(toJsonStateForms(result, sizes)).map(([name, { bytes, share, loss }]) => [
    name,
    bytes.toFixed(0),
    `${(100 * share).toFixed(2)} %`,
    ...measures.map((measure) => loss[measure]!.toFixed(4)),
  ]);
  return aligned([head, ...body]).join('\n');
}
