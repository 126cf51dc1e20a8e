/**
 * Gives block states for texts: from a source where it has them, else encoded in the worker pool and kept. When a
 * request gives up, its running batches are finished, and its waiting ones are dropped unless another request waits for
 * them too.
 */

import { abortable } from '../abortable.ts';
import type {
  BlockState,
  ReadingEnd,
  StateKey,
  StateSource,
  StoredState,
  StoredStateCounts,
} from '../contract.ts';
import { type EncodingJob, EncodingJobs, type EncodingOptions } from './encoding-jobs.ts';
import type { HalfwayDocument } from './halfway.ts';
import { ReadingPace } from './reading-pace.ts';
import { type IsEnough, readRounds, toRounds } from './reading-rounds.ts';
import { nobodyWaits } from './shared-batches.ts';
import { type LookupOptions, lookUpStates, type StateLookup } from './state-lookup.ts';
import { stateName } from './state-name.ts';
import { countStored } from './stored-state.ts';
import { isAmple, readInTime } from './timed-reading.ts';
import { guessedTokens } from './waves.ts';

/** Options of {@link StateEncoder}: where states are sought, and how new ones are made and kept. */
export interface StateEncoderOptions extends LookupOptions, EncodingOptions {
  /** The source in which states are sought and kept. */
  readonly source: StateSource;
  /** Tokens of one document at most: what the caps leave of a long text. @defaultValue Infinity */
  readonly documentTokens?: number;
  /** How long documents take to encode, shared by encoders over the same workers. @defaultValue an own one */
  readonly pace?: ReadingPace;
  /** The clock, in milliseconds. @defaultValue `performance.now` */
  readonly now?: () => number;
}

/** Options of {@link StateEncoder.encode}. */
export interface EncodeOptions {
  /** Ends the call, which rejects at once with the signal's reason; finished states stay in the source. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The state that a search index keeps for each text; read before the source is asked. @defaultValue no index was
   * asked
   */
  readonly stored?: readonly (StoredState | undefined)[] | undefined;
  /** The tenant of the texts; see {@link StateKey.tenant}. @defaultValue none */
  readonly tenant?: string | undefined;
  /** Whether to wait until the source has kept the new states. @defaultValue false */
  readonly untilKept?: boolean | undefined;
  /** What {@link StateEncoder.lookUp} found of the same texts, so that the source is not asked twice. @defaultValue it is asked */
  readonly lookup?: StateLookup | undefined;
  /** Documents that are halfway, by text: they take the rest of the way, where they are not found. @defaultValue none */
  readonly halfway?: ReadonlyMap<string, HalfwayDocument> | undefined;
}

/** States in the order of the texts, and what they cost. */
export interface EncodedTexts extends ReadTexts {
  /** One state a text. */
  readonly states: readonly BlockState[];
}

/** States of the texts that were read, and what they cost. */
export interface ReadTexts {
  /** One state a text, in the order of the texts; `undefined` for a text that was not read. */
  readonly states: readonly (BlockState | undefined)[];
  /** Texts whose state was at hand. */
  readonly statesFound: number;
  /** Texts whose state had to be encoded, here or by another request at the same time. */
  readonly statesEncoded: number;
  /** The outcomes of {@link EncodeOptions.stored}; absent without it. */
  readonly storedStates?: StoredStateCounts;
  /** Why some were not read; absent where all of them were. */
  readonly stoppedBy?: ReadingEnd;
}

/** Options of {@link StateEncoder.encodeUntil}. */
export interface EncodeUntilOptions extends Omit<EncodeOptions, 'untilKept'> {
  /**
   * Tells from the states so far, one entry a text, whether the other texts may stay unread; asked before each round of
   * texts. @defaultValue they are read
   */
  readonly isEnough?: ((states: ReadTexts['states']) => ReturnType<IsEnough>) | undefined;
}

/** Texts with the names of their states, and the states at hand. */
interface SomeTexts extends Pick<StateLookup, 'keys'> {
  readonly texts: readonly string[];
  /** @defaultValue none */
  readonly found?: StateLookup['found'];
}

/** Texts of a list that are to be encoded. */
interface ListPart {
  /** The whole list's. */
  readonly texts: readonly string[];
  /** The whole list's. */
  readonly keys: readonly StateKey[];
  /** Where the part's texts stand in the list. */
  readonly indices: readonly number[];
  /** Tokens of the part's texts, about. */
  readonly tokens: readonly number[];
  /** Parts that are encoded at once. */
  readonly lanes: number;
}

/** Batches of each worker in a round: each round waits for its slowest batch. */
const batchesARound = 2;

/** See the file's header. */
export class StateEncoder {
  readonly #options: StateEncoderOptions;
  readonly #jobs: EncodingJobs;
  readonly #pace: ReadingPace;

  constructor(options: StateEncoderOptions) {
    this.#options = options;
    this.#jobs = new EncodingJobs(options);
    this.#pace = options.pace ?? new ReadingPace(options.batchTokens);
  }

  /** Gives the states of texts: from the index, else from the source, else newly encoded. */
  async encode(texts: readonly string[], options: EncodeOptions = {}): Promise<EncodedTexts> {
    const { keys, found, faults } = options.lookup ?? (await this.lookUp(texts, options));
    const encoded = new Map<string, BlockState>();
    await this.#encodePart({ texts, keys, found }, options, (name, state) => encoded.set(name, state));
    const statesFound = found.filter((state) => state !== undefined).length;
    return {
      states: keys.map((key, i) => found[i] ?? encoded.get(stateName(key, '/'))!),
      statesFound,
      statesEncoded: texts.length - statesFound,
      ...(faults && { storedStates: countStored(faults) }),
    };
  }

  /**
   * Gives the states at hand, and those that can be encoded until a time, in the order of the texts. States that are
   * finished later are kept.
   *
   * @param untilMs - When the call answers, on the encoder's clock; a time in the past: with what is at hand; Infinity: once
   * all is read.
   */
  async encodeUntil(
    texts: readonly string[],
    untilMs: number,
    options: EncodeUntilOptions = {},
  ): Promise<ReadTexts> {
    const { isEnough } = options;
    const { keys, found, faults } = await this.lookUp(texts, options);
    const states = keys.map((_, i) => found[i]);
    const places = placesOf(keys, found);
    const missing = [...places.values()].map(([first]) => first!);
    const { batchTokens, workers } = this.#options;
    const { tokens, lanes } = this.#loadOf(missing.map((i) => texts[i]!));
    const rounds = isEnough ? toRounds(tokens, batchesARound * workers * batchTokens) : [[...missing.keys()]];
    const end = await readRounds(
      rounds,
      () => isEnough?.(states) ?? false,
      async (round) => {
        const indices = round.map((m) => missing[m]!);
        const part = { texts, keys, indices, lanes, tokens: round.map((m) => tokens[m]!) };
        await this.#encodeInTime(part, untilMs, options, (name, state) => {
          for (const i of places.get(name)!) states[i] = state;
        });
        return indices.every((i) => states[i]);
      },
    );
    const statesFound = found.filter((state) => state !== undefined).length;
    const read = states.filter((state) => state !== undefined).length;
    return {
      states,
      statesFound,
      statesEncoded: read - statesFound,
      ...(faults && { storedStates: countStored(faults) }),
      ...(end && { stoppedBy: end }),
    };
  }

  /** Whether there is so much time that all of these texts can be encoded without looking at the clock. */
  hasTimeFor(texts: readonly string[], ms: number): boolean {
    return texts.length === 0 || isAmple({ ...this.#loadOf(texts), pace: this.#pace }, ms);
  }

  /** Learns that these texts took longer than a time. */
  noteLate(texts: readonly string[], ms: number): void {
    const { tokens, lanes } = this.#loadOf(texts);
    this.#pace.noteLate(tokens.reduce((sum, count) => sum + count, 0) / lanes, ms);
  }

  #loadOf(texts: readonly string[]): { readonly tokens: readonly number[]; readonly lanes: number } {
    const { workers, waves, documentTokens = Number.POSITIVE_INFINITY } = this.#options;
    return {
      tokens: texts.map((text) => guessedTokens(text, documentTokens)),
      lanes: waves ? workers + 1 : workers,
    };
  }

  /** Encodes as many texts of a part as there is time for, those of like length together. */
  async #encodeInTime(
    { texts, keys, indices, tokens, lanes }: ListPart,
    untilMs: number,
    options: EncodeOptions,
    give: (name: string, state: BlockState) => void,
  ): Promise<void> {
    await readInTime({
      tokens,
      lanes,
      batchTokens: this.#options.batchTokens,
      pace: this.#pace,
      untilMs,
      now: this.#options.now ?? (() => performance.now()),
      signal: options.signal,
      read: async (chosen, signal) => {
        const own = chosen.map((m) => indices[m]!);
        const part = { texts: own.map((i) => texts[i]!), keys: own.map((i) => keys[i]!) };
        await this.#encodePart(part, { ...options, signal }, give);
      },
    });
  }

  /** Encodes texts that are not at hand; each state is given as soon as it is there, by its key's name. */
  async #encodePart(
    { texts, keys, found = [] }: SomeTexts,
    options: EncodeOptions,
    give: (name: string, state: BlockState) => void,
  ): Promise<void> {
    const { signal, halfway, untilKept } = options;
    signal?.throwIfAborted();
    const jobs = this.#jobs.join(texts, { keys, found, halfway });
    const all = [...jobs].map(async ([name, job]) => {
      const state = await this.#waitFor(job, options);
      if (untilKept) await job.kept;
      if (!signal?.aborted) give(name, state);
    });
    try {
      await abortable(Promise.all(all), signal);
    } finally {
      for (const job of jobs.values()) this.#jobs.release(job);
    }
  }

  /** Looks for states of texts, in the index' and in the source. */
  lookUp(
    texts: readonly string[],
    { signal, stored, tenant }: Pick<EncodeOptions, 'signal' | 'stored' | 'tenant'> = {},
  ): Promise<StateLookup> {
    return lookUpStates({ texts, signal, stored, tenant }, this.#options);
  }

  /** Whether a state is being encoded, for another request. */
  isUnderWay(key: StateKey): boolean {
    return this.#jobs.has(key);
  }

  /** Waits for a job. A job that was given up just before this request joined it is started anew. */
  async #waitFor(job: EncodingJob, options: EncodeOptions): Promise<BlockState> {
    try {
      return await job.done;
    } catch (error) {
      if (error !== nobodyWaits || options.signal?.aborted) throw error;
      const { states } = await this.encode([job.text], { ...options, stored: undefined, lookup: undefined });
      return states[0]!;
    }
  }
}

/** Where each text that is not at hand stands, by its key's name, in the order of the texts. */
function placesOf(
  keys: readonly StateKey[],
  found: readonly (BlockState | undefined)[],
): ReadonlyMap<string, readonly number[]> {
  const places = new Map<string, number[]>();
  keys.forEach((key, i) => {
    if (found[i]) return;
    const name = stateName(key, '/');
    const known = places.get(name);
    if (known) known.push(i);
    else places.set(name, [i]);
  });
  return places;
}
