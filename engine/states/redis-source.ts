/** Block states in Redis: shared by the replicas of a service. Redis decides when they go (`maxmemory`, time to live). */
import type { BlockState, StateKey } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { BoundedWait } from './bounded-wait.ts';
import { encodeState } from './codec.ts';
import type { StateCodec } from './state-codec.ts';
import { type CountedStateSource, type StateCounts, StateTally } from './state-counts.ts';
import { stateName } from './state-name.ts';

/** Commands that are sent together; ioredis's pipelines are such. */
export interface RedisPipeline {
  /** Adds a command that keeps a value. */
  set(key: string, value: Buffer): unknown;
  /** Adds a command that keeps a value for some time. */
  set(key: string, value: Buffer, unit: 'PX', milliseconds: number): unknown;
  /** Sends the commands; an error and a reply for each. */
  exec(): Promise<readonly (readonly [error: Error | null, reply: unknown])[] | null>;
}

/** What is used of a client of Redis; ioredis's `Redis` is one. Not a cluster's: MGET asks one server. */
export interface RedisClient {
  /** Values of keys, in their order. */
  mgetBuffer(...keys: string[]): Promise<readonly (Buffer | null)[]>;
  /** Starts a pipeline. */
  pipeline(): RedisPipeline;
}

/** Options of {@link redisSource}. */
export interface RedisSourceOptions {
  /** Connected to the server; it stays open unless `closeClient` closes it. */
  readonly client: RedisClient;
  /** What keys start with: one for each tenant, and for each user of the server. @defaultValue `'blockrank'` */
  readonly prefix?: string;
  /** How long a state is kept after it was written, in milliseconds. @defaultValue as long as Redis has room */
  readonly ttlMs?: number;
  /** How states are kept. @defaultValue all that a state has, in half precision */
  readonly codec?: StateCodec;
  /** Longest wait of a call, in milliseconds. @defaultValue 500 */
  readonly timeoutMs?: number;
  /** States of one command or pipeline. @defaultValue 64 */
  readonly chunkStates?: number;
  /** Ends the client when the source is closed. @defaultValue nothing: the client belongs to whoever gave it */
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
 * Keeps states in Redis. No failure of Redis is one of the caller's: a state that cannot be read in time is a miss, one
 * that cannot be kept is dropped, both are counted. After a call that took too long nothing more is sent until it has
 * come to an end, so a server that hangs costs one wait, not one a request.
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
  /** What the next pipelines take, and the promise of their end. */
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

  /** States that come one by one within a turn of the event loop, as finished batches give them, go together. */
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
