/**
 * Document dropping: a smaller depth of the model guesses the anchors of the documents that have to be encoded, and those
 * that the guess puts lowest are not. They stay in the ranking, below the others, and are marked.
 *
 * Source: the predictor and the threshold of Spark Transformer (arXiv:2506.06644), over documents in place of keys.
 */
import type { Ranking, RankingUsage, RerankOptions, Shortlist } from '../../contract.ts';
import type { QueryState } from '../../readout/parameters.ts';
import { calibratedScore } from '../../readout/readout.ts';
import { type ScoredCandidate, toRanking } from '../../scores/ranking.ts';
import type { AnchorGuesses, GuessedDocument } from '../../states/anchor-guesses.ts';
import type { EncodedTexts } from '../../states/list-states.ts';
import type { EncodeOptions, StateEncoder } from '../../states/state-encoder.ts';
import type { StateLookup } from '../../states/state-lookup.ts';
import { countStored } from '../../states/stored-state.ts';
import {
  chooseDocuments,
  droppedLogits,
  type GuessScores,
  type KeepBounds,
  scoreGuesses,
} from './guess-choice.ts';
import { rankStates, type StateReader } from './rank-states.ts';

/** Options of document dropping. Which documents are kept depends on the list, so that a document's rank does too. */
export interface DroppingOptions {
  /**
   * Share of the documents that are encoded, of those whose states are not at hand; above 0 and below `1 - guess / read`,
   * the depths of both, or guessing would cost more than it saves; rounded up. Of 128 documents or more, about as many:
   * those that stand out.
   */
  readonly keep: number;
  /**
   * The depth that guesses, one of those below the depth that is read for which the model's manifest has
   * `dropping`. @defaultValue the smallest that can
   */
  readonly depth?: number | undefined;
  /** Least number of documents that are encoded. @defaultValue 10 */
  readonly minKeep?: number | undefined;
  /** Largest number of documents that are encoded, at least `minKeep`. @defaultValue no bound */
  readonly maxKeep?: number | undefined;
}

/** A first page of ten is always read. */
export const defaultMinKeep = 10;

/** The bounds that options mean. */
export function toKeepBounds({ keep, minKeep, maxKeep }: DroppingOptions): KeepBounds {
  return { keep, minKeep: minKeep ?? defaultMinKeep, maxKeep: maxKeep ?? Number.MAX_SAFE_INTEGER };
}

/** What {@link Dropping} works with. */
export interface DroppingParts extends KeepBounds {
  /** The first stage's share in the choice of documents, in [0, 1]. */
  readonly firstStageWeight: number;
  /** Layers of a guess and of what it guesses, by the products that they take. */
  readonly layers: { readonly guess: number; readonly whole: number };
  /** Guesses. */
  readonly guesses: AnchorGuesses;
  /** Encodes, and knows what is at hand. */
  readonly states: StateEncoder;
  /** Reads the states. */
  readonly reader: StateReader;
}

/** Documents that were dropped. */
interface Dropped {
  /** Indices of the shortlist by the entry of `scores` that they share. */
  readonly indices: readonly (readonly number[])[];
  readonly documents: readonly GuessedDocument[];
  readonly scores: GuessScores;
  /** Entries that were kept. */
  readonly kept: readonly number[];
}

interface PartlyEncoded {
  /** Indices of the shortlist that have states, ascending. */
  readonly read: readonly number[];
  /** Their states. */
  readonly encoded: EncodedTexts;
  /** The others; absent where there are none. */
  readonly dropped?: Dropped;
}

/** What the states of documents depend on. */
type DocumentOptions = Pick<EncodeOptions, 'signal' | 'stored' | 'tenant'>;

/** See the file's header. */
export class Dropping {
  readonly #parts: DroppingParts;

  constructor(parts: DroppingParts) {
    this.#parts = parts;
  }

  /**
   * Ranks a shortlist; texts are encoded where they are worth it.
   *
   * @param options - The call's, and the states that the index keeps.
   */
  async rank(
    shortlist: Shortlist,
    query: Promise<QueryState>,
    options: Pick<RerankOptions, 'explain' | 'signal'> & DocumentOptions,
  ): Promise<Ranking> {
    query.catch(() => {}); // the documents' error may come first, and then nobody waits for this one
    const { read, encoded, dropped } = await this.#encode(shortlist, query, options);
    const candidates = read.map((index) => shortlist.candidates[index]!);
    const states = { query: await query, encoded };
    const ranking = await rankStates(this.#parts.reader, states, { ...shortlist, candidates }, options);
    const ranked = ranking.candidates.map((candidate) => ({ ...candidate, index: read[candidate.index]! }));
    const usage = { ...ranking.usage, statesDropped: 0 };
    if (!dropped) return { candidates: ranked, usage };
    const lowest = this.#lowest(dropped, ranked, options.explain === true);
    const all = [...ranked, ...lowest].sort((a, b) => a.index - b.index);
    return toRanking(all, usageWith(usage, dropped, this.#parts.layers));
  }

  /** The guesses' scores of every candidate; nothing is kept of them. */
  async score(
    { candidates, firstStage }: Shortlist,
    query: Promise<QueryState>,
    signal?: AbortSignal,
  ): Promise<{ readonly documents: readonly GuessedDocument[]; readonly scores: GuessScores }> {
    const { guesses, firstStageWeight } = this.#parts;
    const texts = candidates.map(({ text }) => text);
    const [{ anchor }, documents] = await Promise.all([query, guesses.of(texts, signal)]);
    const scores = scoreGuesses({
      documents,
      anchor,
      firstStageScores: candidates.map(({ firstStageScore }) => firstStageScore),
      firstStageWeight: firstStage === 'lexical' ? firstStageWeight : 0,
    });
    return { documents, scores };
  }

  async #encode(
    shortlist: Shortlist,
    query: Promise<QueryState>,
    options: DocumentOptions,
  ): Promise<PartlyEncoded> {
    const { states } = this.#parts;
    const { signal, tenant } = options;
    const { candidates } = shortlist;
    const texts = candidates.map(({ text }) => text);
    const lookup = await states.lookUp(texts, options);
    const all = [...texts.keys()];
    const unread = this.#unread(texts, lookup);
    if (this.#keepsAll(unread.size))
      return { read: all, encoded: await states.encode(texts, { signal, tenant, lookup }) };
    const names = [...unread.keys()];
    const indices = [...unread.values()];
    const candidatesOnce = indices.map(([first]) => candidates[first!]!);
    const { documents, scores } = await this.score(
      { ...shortlist, candidates: candidatesOnce },
      query,
      signal,
    );
    const kept = chooseDocuments(scores, this.#parts);
    const goesOn = new Set(kept.map((i) => names[i]!));
    const read = all.filter((i) => !unread.has(texts[i]!) || goesOn.has(texts[i]!));
    const encoded = await states.encode(
      read.map((i) => texts[i]!),
      { signal, tenant, lookup: partOf(lookup, read) },
    );
    const { faults } = lookup;
    return {
      read,
      encoded: { ...encoded, ...(faults && { storedStates: countStored(faults) }) },
      dropped: { indices, documents, scores, kept },
    };
  }

  /** Texts whose states are neither at hand nor under way, with their places in the list. */
  #unread(texts: readonly string[], { keys, found }: StateLookup): Map<string, number[]> {
    const unread = new Map<string, number[]>();
    texts.forEach((text, i) => {
      const places = unread.get(text);
      if (places) places.push(i);
      else if (!found[i] && !this.#parts.states.isUnderWay(keys[i]!)) unread.set(text, [i]);
    });
    return unread;
  }

  /** Whether guessing would cost as much as it saves. */
  #keepsAll(count: number): boolean {
    const { keep, minKeep, maxKeep, layers } = this.#parts;
    const kept = Math.min(Math.max(Math.ceil(keep * count), minKeep), maxKeep);
    return kept * layers.whole + count * layers.guess >= count * layers.whole;
  }

  /** Candidates that were dropped, below the least of the list's own that went on. */
  #lowest(
    { indices, scores, kept }: Dropped,
    ranked: readonly ScoredCandidate[],
    isExplained: boolean,
  ): ScoredCandidate[] {
    const { anchorTau, calibration } = this.#parts.reader.readout;
    const goesOn = new Set(kept);
    const readNow = new Set(kept.flatMap((i) => indices[i]!));
    const logitsRead = ranked.filter(({ index }) => readNow.has(index)).map(({ logit }) => logit);
    const logits = droppedLogits(scores, kept, { least: Math.min(...logitsRead), tau: anchorTau });
    return indices.flatMap((places, i) =>
      (goesOn.has(i) ? [] : places).map((index) => ({
        index,
        logit: logits[i]!,
        calibratedScore: calibratedScore(scores.cosines[i]!, calibration),
        isDropped: true as const,
        ...(isExplained && { explanation: { spans: [] } }),
      })),
    );
  }
}

function partOf({ keys, found }: StateLookup, indices: readonly number[]): StateLookup {
  return { keys: indices.map((i) => keys[i]!), found: indices.map((i) => found[i]) };
}

/** Dropped documents were read too, by the smaller depth. */
function usageWith(
  usage: RankingUsage,
  { indices, documents, kept }: Dropped,
  layers: DroppingParts['layers'],
): RankingUsage {
  const goesOn = new Set(kept);
  const lost = documents.flatMap((document, i) =>
    goesOn.has(i) ? [] : [{ ...document, places: indices[i]!.length }],
  );
  const sum = (count: (document: (typeof lost)[number]) => number): number =>
    lost.reduce((total, document) => total + document.places * count(document), 0);
  const tokens = sum((document) => document.tokens);
  const guessed = documents.reduce((total, document) => total + document.tokens, 0);
  return {
    ...usage,
    tokens: usage.tokens + tokens,
    layerTokensSaved: tokens * layers.whole - guessed * layers.guess,
    truncatedTokens: usage.truncatedTokens + sum(({ truncatedTokens }) => truncatedTokens),
    statesDropped: sum(() => 1),
  };
}
