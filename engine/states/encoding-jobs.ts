/** Texts that are being encoded, each once for all requests that wait for it. */
import type { BlockState, StateKey, StateSource } from '../contract.ts';
import type { TaskOptions } from '../session/pool.ts';
import type { BatchOptions } from './batches.ts';
import { throughCodec } from './codec.ts';
import { type EncodedBlock, joinBlocks } from './encoded-block.ts';
import { SharedBatches } from './shared-batches.ts';
import type { StateCodec } from './state-codec.ts';
import { stateName } from './state-name.ts';
import { type TokenisedDocument, type TokenisingWorkers, textsPerTask, tokeniseInTasks } from './tokenise.ts';
import { toWaves, type WaveOptions } from './waves.ts';

/** The work that the encoder gives to workers. */
export interface EncodingWorkers extends TokenisingWorkers {
  /** Turns one batch of blocks into vectors. */
  encode(blocks: readonly Int32Array[], options: TaskOptions): Promise<readonly EncodedBlock[]>;
}

/** How texts are encoded and kept. */
export interface EncodingOptions extends BatchOptions {
  /** The workers that tokenise and encode. */
  readonly encoding: EncodingWorkers;
  /** Values a vector. */
  readonly width: number;
  /** The source in which states are kept. */
  readonly source: Pick<StateSource, 'putMany'>;
  /** The form that new states take before they are read or kept. @defaultValue as encoded */
  readonly codec?: StateCodec;
  /** How a list is tokenised ahead of a device that encodes meanwhile. @defaultValue all of it before the first batch */
  readonly waves?: WaveOptions;
}

/** A text that is being encoded. */
export interface EncodingJob {
  /** The text. */
  readonly text: string;
  /** Names its state. */
  readonly key: StateKey;
  /** The key as one text: tenants never share jobs, or the time of one would tell what another asked. */
  readonly name: string;
  /** Gives the state; rejects with `nobodyWaits` when all requests gave it up. */
  readonly done: Promise<BlockState>;
  /** Settles {@link done}. */
  readonly resolve: (state: BlockState) => void;
  /** See {@link resolve}. */
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
export class EncodingJobs {
  readonly #options: EncodingOptions;
  readonly #jobs = new Map<string, EncodingJob>();
  readonly #batches: SharedBatches<EncodedBlock>;

  constructor(options: EncodingOptions) {
    this.#options = options;
    const { encoding, batchTokens, workers, waves } = options;
    this.#batches = new SharedBatches({
      batchTokens,
      workers,
      ...(waves && { ahead: aheadOfDevice }),
      encode: (blocks, task) => encoding.encode(blocks, task),
    });
  }

  /** Whether the state of a key is being encoded. */
  has(key: StateKey): boolean {
    return this.#jobs.has(stateName(key, '/'));
  }

  /** The jobs of texts by their names: an existing job is joined, a missing one started. */
  join(texts: readonly string[], keys: readonly StateKey[]): ReadonlyMap<string, EncodingJob> {
    const wanted = new Map<string, EncodingJob>();
    const fresh: EncodingJob[] = [];
    texts.forEach((text, i) => {
      const name = stateName(keys[i]!, '/');
      if (wanted.has(name)) return;
      let job = this.#jobs.get(name);
      if (!job) {
        job = newJob(text, keys[i]!);
        this.#jobs.set(name, job);
        fresh.push(job);
      }
      job.wanted += 1;
      wanted.set(name, job);
    });
    if (fresh.length > 0) this.#start(fresh);
    return wanted;
  }

  /** Says that a request waits for a job no more; without any its waiting batches are dropped. */
  release(job: EncodingJob): void {
    job.wanted -= 1;
    if (job.wanted === 0) job.onUnwanted();
  }

  /** Waves are tokenised side by side, and go to be encoded in their order. */
  #start(jobs: readonly EncodingJob[]): void {
    const { waves: options, encoding } = this.#options;
    const texts = jobs.map(({ text }) => text);
    const waves = options ? toWaves(texts, options).map((wave) => wave.map((i) => jobs[i]!)) : [jobs];
    const perTask = options ? Math.ceil(jobs.length / (tasksPerWorker * options.tokenisers)) : textsPerTask;
    let before = Promise.resolve();
    for (const [w, wave] of waves.entries()) {
      const own = wave.map(({ text }) => text);
      const tokenised = tokeniseInTasks(encoding, own, Math.min(textsPerTask, perTask));
      const fillsBatches = w < waves.length - 1;
      before = Promise.all([tokenised, before]).then(
        ([documents]) => this.#add(wave, documents, fillsBatches),
        (error: unknown) => this.#fail(wave, error),
      );
    }
  }

  #fail(jobs: readonly EncodingJob[], error: unknown): void {
    for (const job of jobs) {
      job.reject(error);
      if (this.#jobs.get(job.name) === job) this.#jobs.delete(job.name);
    }
  }

  /** Runs jobs. When a batch fails, only the documents in it fail. */
  #add(jobs: readonly EncodingJob[], documents: readonly TokenisedDocument[], fillsBatches: boolean): void {
    this.#batches.add(
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
      fillsBatches,
    );
  }

  /** Keeps a document's state and hands it out, once all its blocks are encoded. */
  async #finish(
    job: EncodingJob,
    document: TokenisedDocument,
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

function newJob(text: string, key: StateKey): EncodingJob {
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
