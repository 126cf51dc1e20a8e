/**
 * Block states in Redis: shared by the replicas of a service. Redis decides when states are dropped (`maxmemory`, time
 * to live).
 */
import type { BlockState, StateKey } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { BoundedWait } from './bounded-wait.ts';
import { encodeState } from './codec.ts';
import type { StateCodec } from './state-codec.ts';
import { type CountedStateSource, type StateCounts, StateTally } from './state-counts.ts';
import { stateName } from './state-name.ts';

/** Commands that are sent together; ioredis's pipelines have this form. */
export interface RedisPipeline {
  /** Adds a command that keeps a value. */
  set(key: string, value: Buffer): unknown;
  /** Adds a command that keeps a value for some time. */
  set(key: string, value: Buffer, unit: 'PX', milliseconds: number): unknown;
  /** Sends the commands; an error and a reply for each. */
  exec(): Promise<readonly (readonly [error: Error | null, reply: unknown])[] | null>;
}

/**
 * The part of a Redis client that the source uses; ioredis's `Redis` has it. A cluster's client does not work: MGET
 * asks one server.
 */
export interface RedisClient {
  /** Values of keys, in their order. */
  mgetBuffer(...keys: string[]): Promise<readonly (Buffer | null)[]>;
  /** Starts a pipeline. */
  pipeline(): RedisPipeline;
}

/** Options of {@link redisSource}. */
export interface RedisSourceOptions {
  /** A client connected to the server; it stays open unless `closeClient` closes it. */
  readonly client: RedisClient;
  /** Prefix of keys: one for each tenant, and for each user of the server. @defaultValue `'blockrank'` */
  readonly prefix?: string;
  /** How long a state is kept after it was written, in milliseconds. @defaultValue as long as Redis has room */
  readonly ttlMs?: number;
  /** How states are kept. @defaultValue all that a state has, in half precision */
  readonly codec?: StateCodec;
  /** Longest wait of a call, in milliseconds. @defaultValue 500 */
  readonly timeoutMs?: number;
  /** States of one command or pipeline. @defaultValue 64 */
  readonly chunkStates?: number;
  /** Ends the client when the source is closed. @defaultValue nothing: the client belongs to the caller */
  readonly closeClient?: () => void | Promise<void>;
}

const optionNames: OptionNames<RedisSourceOptions> = {
  client: true,
  prefix: true,
  ttlMs: true,
  codec: true,
  timeoutMs: true,
  chunkStates: true,
  closeClient: true,
};

type Entry = readonly [StateKey, BlockState];

/**
 * A source that keeps states in Redis. No failure of Redis reaches the caller: a state that cannot be read in time is a
 * miss, a state that cannot be kept is dropped, and the source counts both. After a call that took too long the source
 * sends nothing more until that call has ended, so a server that hangs costs one wait, not one for each request.
 */
export function redisSource(options: RedisSourceOptions): CountedStateSource {
  checkOptionNames('Cannot open the state source', options, optionNames);
  return new RedisSource(options);
}

class RedisSource implements CountedStateSource {
  readonly #options: RedisSourceOptions;
  readonly #chunkStates: number;
  readonly #wait: BoundedWait;
  readonly #tally = new StateTally();
  readonly #sending = new Set<Promise<void>>();
  /** The entries of the next pipelines, and the promise of their end. */
  #next: { readonly entries: Entry[]; readonly sent: Promise<void> } | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: RedisSourceOptions) {
    const { timeoutMs = 500, chunkStates = 64 } = options;
    this.#options = options;
    this.#chunkStates = chunkStates;
    this.#wait = new BoundedWait(timeoutMs);
  }

  get counts(): StateCounts {
    return this.#tally.counts;
  }

  async getMany(keys: readonly StateKey[]): Promise<readonly (BlockState | undefined)[]> {
    this.#assertOpen('getMany');
    const { client, codec } = this.#options;
    const states = chunksOf(keys, this.#chunkStates).map(async (chunk) => {
      const names = chunk.map((key) => this.#nameOf(key));
      const values = await this.#wait.ask(async () => client.mgetBuffer(...names));
      if (!values) this.#tally.fail(chunk.length);
      return chunk.map((key, i) => this.#tally.read(values?.[i], key, codec));
    });
    return (await Promise.all(states)).flat();
  }

  /** Finished batches give states one by one; states of one turn of the event loop are sent together. */
  putMany(entries: readonly Entry[]): Promise<void> {
    return this.#keep(entries);
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all(this.#sending);
      await this.#options.closeClient?.();
    })();
    return this.#closing;
  }

  async #keep(entries: readonly Entry[]): Promise<void> {
    this.#assertOpen('putMany');
    if (entries.length === 0) return;
    this.#next ??= this.#afterThisTurn();
    this.#next.entries.push(...entries);
    await this.#next.sent;
  }

  #afterThisTurn(): { readonly entries: Entry[]; readonly sent: Promise<void> } {
    const entries: Entry[] = [];
    const send = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      this.#next = undefined;
      await Promise.all(chunksOf(entries, this.#chunkStates).map((chunk) => this.#sendChunk(chunk)));
    };
    const sent = send();
    this.#sending.add(sent);
    void sent.finally(() => this.#sending.delete(sent));
    return { entries, sent };
  }

  async #sendChunk(chunk: readonly Entry[]): Promise<void> {
    const { client, ttlMs, codec } = this.#options;
    const replies = await this.#wait.ask(async () => {
      const pipeline = client.pipeline();
      for (const [key, state] of chunk) {
        const value = Buffer.from(encodeState(key, state, codec).buffer);
        if (ttlMs === undefined) pipeline.set(this.#nameOf(key), value);
        else pipeline.set(this.#nameOf(key), value, 'PX', Math.max(1, Math.round(ttlMs)));
      }
      return pipeline.exec();
    });
    this.#tally.fail(chunk.filter((_, i) => !replies?.[i] || replies[i]![0]).length);
  }

  #nameOf(key: StateKey): string {
    return `${this.#options.prefix ?? 'blockrank'}:${stateName(key, ':')}`;
  }

  #assertOpen(method: string): void {
    if (this.#closing) throw new TypeError(`${method}: the state source is closed.`);
  }
}

function chunksOf<T>(values: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < values.length; at += size) chunks.push(values.slice(at, at + size));
  return chunks;
}
