/**
 * Gives block states for texts: from a source where it has them, else encoded in the worker pool and kept. When a
 * request gives up, its running batches are finished, and its waiting ones are dropped unless another request waits for
 * them too.
 */
import { abortable } from '../abortable.ts';
import type { BlockState, StateKey, StateSource, StoredState } from '../contract.ts';
import { type EncodingJob, EncodingJobs, type EncodingOptions } from './encoding-jobs.ts';
import { type EncodedTexts, ListStates, type ReadTexts } from './list-states.ts';
import { type Readers, ReadingLoad } from './reading-load.ts';
import { type IsEnough, readRounds, toRounds } from './reading-rounds.ts';
import { nobodyWaits } from './shared-batches.ts';
import { type LookupOptions, lookUpStates, type StateLookup } from './state-lookup.ts';
import { readInTime } from './timed-reading.ts';

/** Options of {@link StateEncoder}: where states are sought, and how new ones are made and kept. */
export interface StateEncoderOptions extends LookupOptions, EncodingOptions, Readers {
  /** The source in which states are sought and kept. */
  readonly source: StateSource;
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
}

/** Options of {@link StateEncoder.encodeUntil}. */
export interface EncodeUntilOptions extends Omit<EncodeOptions, 'untilKept'> {
  /**
   * Tells from the states so far, one entry a text, whether the other texts may stay unread; asked before each round of
   * texts. @defaultValue they are read
   */
  readonly isEnough?: ((states: ReadTexts['states']) => ReturnType<IsEnough>) | undefined;
}

/** Texts that are to be encoded. */
interface TextsToEncode extends Pick<StateLookup, 'keys'> {
  readonly texts: readonly string[];
}

/** Gives a state as soon as it is there, by its key's name. */
type Give = (name: string, state: BlockState) => void;

/** Batches of each worker in a round: each round waits for its slowest batch. */
const batchesARound = 2;

/** See the file's header. */
export class StateEncoder {
  readonly #options: StateEncoderOptions;
  readonly #jobs: EncodingJobs;
  readonly #load: ReadingLoad;

  constructor(options: StateEncoderOptions) {
    this.#options = options;
    this.#jobs = new EncodingJobs(options);
    this.#load = new ReadingLoad(options);
  }

  /** Gives the states of texts: from the index, else from the source, else newly encoded. */
  async encode(texts: readonly string[], options: EncodeOptions = {}): Promise<EncodedTexts> {
    const list = new ListStates(options.lookup ?? (await this.lookUp(texts, options)));
    await this.#encodePart(partOf({ texts, keys: list.keys }, list.missing), options, list.take);
    return list.toRead() as EncodedTexts;
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
    const list = new ListStates(await this.lookUp(texts, options));
    const missing = partOf({ texts, keys: list.keys }, list.missing);
    const stoppedBy = await readRounds(
      this.#roundsOf(missing.texts, isEnough !== undefined),
      () => isEnough?.(list.states) ?? false,
      async (round) => {
        await this.#encodeInTime(partOf(missing, round), untilMs, options, list.take);
        return round.every((m) => list.states[list.missing[m]!]);
      },
    );
    return list.toRead(stoppedBy);
  }

  /** Whether there is so much time that all of these texts can be encoded without looking at the clock. */
  hasTimeFor(texts: readonly string[], ms: number): boolean {
    return this.#load.hasTimeFor(texts, ms);
  }

  /** Learns that these texts took longer than a time. */
  noteLate(texts: readonly string[], ms: number): void {
    this.#load.noteLate(texts, ms);
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

  /** The rounds that texts are read in, as indices; all in one where nobody asks between rounds. */
  #roundsOf(texts: readonly string[], isAsked: boolean): readonly (readonly number[])[] {
    if (!isAsked) return [[...texts.keys()]];
    const { batchTokens, workers } = this.#options;
    return toRounds(this.#load.of(texts).tokens, batchesARound * workers * batchTokens);
  }

  /** Encodes as many texts as there is time for, those of like length together. */
  async #encodeInTime(
    part: TextsToEncode,
    untilMs: number,
    options: EncodeOptions,
    give: Give,
  ): Promise<void> {
    await readInTime({
      ...this.#load.of(part.texts),
      batchTokens: this.#options.batchTokens,
      pace: this.#load.pace,
      untilMs,
      now: this.#options.now ?? (() => performance.now()),
      signal: options.signal,
      read: (chosen, signal) => this.#encodePart(partOf(part, chosen), { ...options, signal }, give),
    });
  }

  /** Encodes texts that are not at hand. */
  async #encodePart({ texts, keys }: TextsToEncode, options: EncodeOptions, give: Give): Promise<void> {
    const { signal, untilKept } = options;
    signal?.throwIfAborted();
    const jobs = this.#jobs.join(texts, keys);
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

/** The texts at these indices. */
function partOf({ texts, keys }: TextsToEncode, indices: readonly number[]): TextsToEncode {
  return { texts: indices.map((i) => texts[i]!), keys: indices.map((i) => keys[i]!) };
}
