/**
 * Gives block states for texts: from a source where it has them, else encoded in the worker pool and kept. When a
 * request gives up, its running batches are finished, and its waiting ones are dropped unless another request waits for
 * them too.
 */

import { abortable } from '../abortable.ts';
import type { BlockState, StateKey, StateSource, StoredState, StoredStateCounts } from '../contract.ts';
import type { TaskOptions } from '../session/pool.ts';
import type { BatchOptions } from './batches.ts';
import { throughCodec } from './codec.ts';
import type { HalfwayBlock, HalfwayDocument } from './halfway.ts';
import { ReadingPace } from './reading-pace.ts';
import { nobodyWaits, SharedBatches, type WaitingBlock } from './shared-batches.ts';
import type { StateCodec } from './state-codec.ts';
import { stateName } from './state-name.ts';
import { countStored, ofTier, type ReadState, readStored } from './stored-state.ts';
import { textDigest } from './text-digest.ts';
import { readInTime } from './timed-reading.ts';
import { type TokenisingWorkers, textsPerTask, tokeniseInTasks } from './tokenise.ts';
import { guessedTokens, toWaves, type WaveOptions } from './waves.ts';

/** The vectors of one encoded block. */
export interface EncodedBlock {
  /** The first token's vector, shape `[width]`. */
  readonly anchor: Float32Array;
  /** Every token's vector, shape `[tokens, width]`; absent in tier `anchor`. */
  readonly tokens?: Float32Array;
}

/** The work that the encoder gives to workers. */
export interface EncodingWorkers extends TokenisingWorkers {
  /** Turns one batch of blocks into vectors. */
  encode(blocks: readonly Int32Array[], options: TaskOptions): Promise<readonly EncodedBlock[]>;
  /** Turns one batch of blocks that are halfway into vectors; absent where none are. */
  finish?(blocks: readonly HalfwayBlock[], options: TaskOptions): Promise<readonly EncodedBlock[]>;
}

/** Options of {@link StateEncoder}. */
export interface StateEncoderOptions extends BatchOptions {
  /** Names the encoder in keys. */
  readonly encodingDigest: string;
  /**
   * Names of encoders that read fewer blocks of a document and differ in nothing else: their states of texts that they
   * did not cut are read as this encoder's own. @defaultValue none
   */
  readonly wholeTextDigests?: readonly string[];
  /** Values a vector. */
  readonly width: number;
  /** The workers that tokenise and encode. */
  readonly encoding: EncodingWorkers;
  /** The source in which states are sought and kept. */
  readonly source: StateSource;
  /**
   * The wanted tier: `tokens` takes no state of anchors alone from the source, `anchor` reads the anchors of any state.
   * @defaultValue whatever the source has
   */
  readonly tier?: 'tokens' | 'anchor';
  /** The form that new states take before they are read or kept. @defaultValue as encoded */
  readonly codec?: StateCodec;
  /** How a list is tokenised ahead of a device that encodes meanwhile. @defaultValue all of it before the first batch */
  readonly waves?: WaveOptions;
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

/** Which states of texts are at hand, one entry a text. */
export interface StateLookup {
  /** Names of the states. */
  readonly keys: readonly StateKey[];
  /** The states at hand. */
  readonly found: readonly (BlockState | undefined)[];
  /** Why the index' states are not the texts'; absent where no index was asked. */
  readonly faults?: readonly ReadState['fault'][] | undefined;
}

/** States in the order of the texts, and what they cost. */
export interface EncodedTexts extends ReadTexts {
  /** One state a text. */
  readonly states: readonly BlockState[];
}

/** States of the texts that were read in time, and what they cost. */
export interface ReadTexts {
  /** One state a text, in the order of the texts; `undefined` for a text that was not read. */
  readonly states: readonly (BlockState | undefined)[];
  /** Texts whose state was at hand. */
  readonly statesFound: number;
  /** Texts whose state had to be encoded, here or by another request at the same time. */
  readonly statesEncoded: number;
  /** The outcomes of {@link EncodeOptions.stored}; absent without it. */
  readonly storedStates?: StoredStateCounts;
}

/** A document as blocks of so many tokens. */
interface DocumentOf<Tokens extends { readonly length: number }> {
  readonly blocks: readonly Tokens[];
  readonly truncatedTokens: number;
}

/** A text that is being encoded. */
interface Job {
  readonly text: string;
  readonly key: StateKey;
  /** The key as one text: tenants never share jobs, or the time of one would tell what another asked. */
  readonly name: string;
  readonly done: Promise<BlockState>;
  readonly resolve: (state: BlockState) => void;
  readonly reject: (error: unknown) => void;
  /** Number of requests that wait for the job. */
  wanted: number;
  /** Settles once the source has kept the state. */
  kept: Promise<void>;
  /** Called once no request waits for this job: drops its waiting batches. */
  onUnwanted: () => void;
}

/** Tasks a tokenising worker gets of one list, so that none has much left when the others are done. */
const tasksPerWorker = 3;
/** Batches at hand for a device, beside the one that it encodes: one waits while the last one's states are cut. */
const aheadOfDevice = 2;

/** See the file's header. */
export class StateEncoder {
  readonly #options: StateEncoderOptions;
  readonly #jobs = new Map<string, Job>();
  readonly #batches: SharedBatches<EncodedBlock>;
  readonly #pace: ReadingPace;
  /** Batches of blocks that are halfway. */
  readonly #secondHalves: SharedBatches<EncodedBlock, HalfwayBlock>;

  constructor(options: StateEncoderOptions) {
    this.#options = options;
    this.#pace = options.pace ?? new ReadingPace(options.batchTokens);
    const { encoding, batchTokens, workers, waves } = options;
    this.#batches = new SharedBatches({
      batchTokens,
      workers,
      ...(waves && { ahead: aheadOfDevice }),
      encode: (blocks, task) => encoding.encode(blocks, task),
    });
    this.#secondHalves = new SharedBatches({
      batchTokens,
      workers,
      encode: (blocks, task) => encoding.finish!(blocks, task),
    });
  }

  /** Gives the states of texts: from the index, else from the source, else newly encoded. */
  async encode(texts: readonly string[], options: EncodeOptions = {}): Promise<EncodedTexts> {
    const { signal } = options;
    const { keys, found, faults } = options.lookup ?? (await this.lookUp(texts, options));
    const jobs = this.#jobsFor(texts, { keys, found, halfway: options.halfway });
    try {
      const encoded = new Map(
        await abortable(
          Promise.all(
            [...jobs].map(async ([name, job]) => {
              const state = await this.#waitFor(job, options);
              if (options.untilKept) await job.kept;
              return [name, state] as const;
            }),
          ),
          signal,
        ),
      );
      const statesFound = found.filter((state) => state !== undefined).length;
      return {
        states: keys.map((key, i) => found[i] ?? encoded.get(stateName(key, '/'))!),
        statesFound,
        statesEncoded: texts.length - statesFound,
        ...(faults && { storedStates: countStored(faults) }),
      };
    } finally {
      for (const job of jobs.values()) this.#release(job);
    }
  }

  /**
   * Gives the states at hand, and those that can be encoded until a time, in the order of the texts. States that are
   * finished later are kept.
   *
   * @param untilMs - When the call answers, on the encoder's clock; a time in the past: with what is at hand.
   */
  async encodeUntil(
    texts: readonly string[],
    untilMs: number,
    options: Omit<EncodeOptions, 'untilKept'> = {},
  ): Promise<ReadTexts> {
    const { keys, found, faults } = await this.lookUp(texts, options);
    const states = keys.map((_, i) => found[i]);
    const places = placesOf(keys, found);
    const missing = [...places.values()].map(([first]) => first!);
    const { batchTokens, workers, waves, documentTokens = Number.POSITIVE_INFINITY } = this.#options;
    await readInTime({
      tokens: missing.map((i) => guessedTokens(texts[i]!, documentTokens)),
      lanes: waves ? workers + 1 : workers,
      batchTokens,
      pace: this.#pace,
      untilMs,
      now: this.#options.now ?? (() => performance.now()),
      signal: options.signal,
      read: async (part, signal) => {
        const indices = part.map((m) => missing[m]!);
        await this.#encodePart(
          { texts: indices.map((i) => texts[i]!), keys: indices.map((i) => keys[i]!) },
          { ...options, signal },
          (name, state) => {
            for (const i of places.get(name)!) states[i] = state;
          },
        );
      },
    });
    const statesFound = found.filter((state) => state !== undefined).length;
    const read = states.filter((state) => state !== undefined).length;
    const counts = faults && { storedStates: countStored(faults) };
    return { states, statesFound, statesEncoded: read - statesFound, ...counts };
  }

  /** Encodes texts that are not at hand; each state is given as soon as it is there. */
  async #encodePart(
    { texts, keys }: { readonly texts: readonly string[]; readonly keys: readonly StateKey[] },
    options: EncodeOptions,
    give: (name: string, state: BlockState) => void,
  ): Promise<void> {
    options.signal?.throwIfAborted();
    const jobs = this.#jobsFor(texts, { keys, found: [], halfway: options.halfway });
    const all = [...jobs].map(async ([name, job]) => {
      const state = await this.#waitFor(job, options);
      if (!options.signal?.aborted) give(name, state);
    });
    try {
      await abortable(Promise.all(all), options.signal);
    } finally {
      for (const job of jobs.values()) this.#release(job);
    }
  }

  /** Looks for states of texts, in the index' and in the source. */
  async lookUp(
    texts: readonly string[],
    options: Pick<EncodeOptions, 'signal' | 'stored' | 'tenant'> = {},
  ): Promise<StateLookup> {
    const { signal, stored } = options;
    signal?.throwIfAborted();
    const keys = texts.map((text) => this.#keyOf(text, options));
    const read = stored && keys.map((key, i) => this.#readStored(stored[i], key));
    const found = await this.#find(keys, read?.map(({ state }) => state) ?? []);
    signal?.throwIfAborted();
    return { keys, found, ...(read && { faults: read.map(({ fault }) => fault) }) };
  }

  /** Whether a state is being encoded, for another request. */
  isUnderWay(key: StateKey): boolean {
    return this.#jobs.has(stateName(key, '/'));
  }

  /** Reads what the index keeps for a text; see {@link StateEncoderOptions.wholeTextDigests}. */
  #readStored(stored: StoredState | undefined, key: StateKey): ReadState {
    const own = readStored(stored, key, this.#options);
    if (own.fault !== 'foreign') return own;
    const others = (this.#options.wholeTextDigests ?? []).map((encodingDigest) =>
      readStored(stored, { ...key, encodingDigest }, this.#options),
    );
    return others.find(({ state }) => state?.truncatedTokens === 0) ?? own;
  }

  #keyOf(text: string, { tenant }: Pick<EncodeOptions, 'tenant'>): StateKey {
    const { encodingDigest } = this.#options;
    return { encodingDigest, textDigest: textDigest(text), ...(tenant !== undefined && { tenant }) };
  }

  /** The states that the index has, and those that the source has of the rest. */
  async #find(
    keys: readonly StateKey[],
    atHand: readonly (BlockState | undefined)[],
  ): Promise<readonly (BlockState | undefined)[]> {
    const missing = [...keys.keys()].filter((i) => !atHand[i]);
    if (missing.length === 0) return atHand;
    const { source, tier, wholeTextDigests = [] } = this.#options;
    const kept = await source.getMany(missing.map((i) => keys[i]!));
    const found = keys.map((_, i) => atHand[i]);
    missing.forEach((i, m) => {
      const state = kept[m];
      found[i] = state && ofTier(state, tier);
    });
    for (const encodingDigest of wholeTextDigests) {
      const still = missing.filter((i) => !found[i]);
      if (still.length === 0) break;
      const whole = await source.getMany(still.map((i) => ({ ...keys[i]!, encodingDigest })));
      still.forEach((i, m) => {
        const state = whole[m];
        found[i] = state?.truncatedTokens === 0 ? ofTier(state, tier) : undefined;
      });
    }
    return found;
  }

  /** Waits for a job. A job that was given up just before this request joined it is started anew. */
  async #waitFor(job: Job, options: EncodeOptions): Promise<BlockState> {
    try {
      return await job.done;
    } catch (error) {
      if (error !== nobodyWaits || options.signal?.aborted) throw error;
      const { states } = await this.encode([job.text], { ...options, stored: undefined, lookup: undefined });
      return states[0]!;
    }
  }

  /** The jobs of the texts that were not found: an existing job is joined, a missing one started. */
  #jobsFor(
    texts: readonly string[],
    { keys, found, halfway = new Map() }: StateLookup & Pick<EncodeOptions, 'halfway'>,
  ): Map<string, Job> {
    const wanted = new Map<string, Job>();
    const fresh: Job[] = [];
    texts.forEach((text, i) => {
      const name = stateName(keys[i]!, '/');
      if (found[i] || wanted.has(name)) return;
      let job = this.#jobs.get(name);
      if (!job) {
        job = newJob(text, keys[i]!);
        this.#jobs.set(name, job);
        fresh.push(job);
      }
      job.wanted += 1;
      wanted.set(name, job);
    });
    const begun = fresh.filter(({ text }) => halfway.has(text));
    const documents = begun.map(({ text }) => halfway.get(text)!);
    if (begun.length > 0) this.#add(begun, documents, (blocks) => this.#secondHalves.add(blocks));
    const unread = fresh.filter(({ text }) => !halfway.has(text));
    if (unread.length > 0) this.#start(unread);
    return wanted;
  }

  #release(job: Job): void {
    job.wanted -= 1;
    if (job.wanted === 0) job.onUnwanted();
  }

  /** Waves are tokenised side by side, and go to be encoded in their order. */
  #start(jobs: readonly Job[]): void {
    const { waves: options } = this.#options;
    const { encoding } = this.#options;
    const texts = jobs.map(({ text }) => text);
    const waves = options ? toWaves(texts, options).map((wave) => wave.map((i) => jobs[i]!)) : [jobs];
    const perTask = options ? Math.ceil(jobs.length / (tasksPerWorker * options.tokenisers)) : textsPerTask;
    let before = Promise.resolve();
    for (const [w, wave] of waves.entries()) {
      const own = wave.map(({ text }) => text);
      const tokenised = tokeniseInTasks(encoding, own, Math.min(textsPerTask, perTask));
      const fillsBatches = w < waves.length - 1;
      before = Promise.all([tokenised, before]).then(
        ([documents]) => this.#add(wave, documents, (blocks) => this.#batches.add(blocks, fillsBatches)),
        (error: unknown) => this.#fail(wave, error),
      );
    }
  }

  #fail(jobs: readonly Job[], error: unknown): void {
    for (const job of jobs) {
      job.reject(error);
      if (this.#jobs.get(job.name) === job) this.#jobs.delete(job.name);
    }
  }

  /** Runs jobs. When a batch fails, only the documents in it fail. */
  #add<Tokens extends { readonly length: number }>(
    jobs: readonly Job[],
    documents: readonly DocumentOf<Tokens>[],
    toBatches: (blocks: WaitingBlock<EncodedBlock, Tokens>[]) => void,
  ): void {
    toBatches(
      documents.flatMap((document, i) => {
        const job = jobs[i]!;
        const collected = new Array<EncodedBlock | undefined>(document.blocks.length);
        return document.blocks.map((tokens, at) => ({
          tokens,
          owner: job,
          resolve: (encoded: EncodedBlock) => {
            collected[at] = encoded;
            this.#finish(job, document, collected).catch((error: unknown) => this.#fail([job], error));
          },
          reject: (error: unknown) => this.#fail([job], error),
        }));
      }),
    );
  }

  /** Keeps a document's state and hands it out, once all its blocks are encoded. */
  async #finish(
    job: Job,
    document: DocumentOf<{ readonly length: number }>,
    collected: readonly (EncodedBlock | undefined)[],
  ): Promise<void> {
    const blocks = collected.filter((block) => block !== undefined);
    if (blocks.length < document.blocks.length || this.#jobs.get(job.name) !== job) return;
    const { source, codec } = this.#options;
    const whole = joinBlocks(blocks, document, this.#options.width);
    const state = codec ? throughCodec(whole, codec) : whole;
    this.#jobs.delete(job.name);
    job.kept = source.putMany([[job.key, state]]);
    job.resolve(state);
    await job.kept;
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

function newJob(text: string, key: StateKey): Job {
  const { promise: done, resolve, reject } = withResolvers<BlockState>();
  done.catch(() => {}); // waiting requests get the error; without any it is none
  return {
    text,
    key,
    name: stateName(key, '/'),
    done,
    resolve,
    reject,
    wanted: 0,
    kept: Promise.resolve(),
    onUnwanted: () => {},
  };
}

function withResolvers<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (error: unknown) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}

/**
 * Joins the blocks of a document to its state, in shared memory, so that workers read the vectors later without a copy.
 */
function joinBlocks(
  blocks: readonly EncodedBlock[],
  document: DocumentOf<{ readonly length: number }>,
  width: number,
): BlockState {
  const blockTokens = document.blocks.map(({ length }) => length);
  const anchors = shared(blocks.map(({ anchor }) => anchor));
  const tokens = blocks.flatMap((block) => (block.tokens ? [block.tokens] : []));
  return {
    width,
    blockTokens,
    anchors,
    ...(tokens.length === blocks.length ? { tokens: shared(tokens) } : {}),
    truncatedTokens: document.truncatedTokens,
  };
}

function shared(parts: readonly Float32Array[]): Float32Array {
  const only = parts[0];
  if (parts.length === 1 && only && only.buffer instanceof SharedArrayBuffer) return only;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const whole = new Float32Array(new SharedArrayBuffer(length * Float32Array.BYTES_PER_ELEMENT));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
