/**
 * Gives query blocks to workers: one at once to the session that uses several processors in a run, and those that come
 * meanwhile together after it. So one request is answered soon, and many share what a run costs, most of which is reading
 * the weights. Without such a session each worker runs them, one batch a worker.
 */
import { onAbort } from '../../abortable.ts';
import type { PooledProgram, TaskOptions } from '../../session/pool.ts';
import type { QueryBlockState } from './seen-feeds.ts';

/** What runs query blocks: the part of a pooled program that is needed here. */
export interface QueryRunner<Asked>
  extends Pick<PooledProgram<unknown, unknown>, 'size' | 'idle' | 'isOpen'> {
  /** One state a query, in their order. */
  run(queries: readonly Asked[], options: TaskOptions): Promise<readonly QueryBlockState[]>;
}

/** Where query blocks are run. */
export interface QueryRunners<Asked> {
  /** Workers that run everything else too, each with one thread a run. */
  readonly workers: QueryRunner<Asked>;
  /** A worker of its own with so many threads a run. @defaultValue none */
  readonly wide?: (QueryRunner<Asked> & { readonly threads: number }) | undefined;
}

/** Query blocks in one run: more gain little, and each waits for all. */
const mostTogether = 16;

/** A query block on its way. */
interface Waiting<Asked> {
  readonly query: Asked;
  readonly resolve: (state: QueryBlockState) => void;
  readonly reject: (error: unknown) => void;
  /** Whether nobody waits for the block any more. */
  isGivenUp: boolean;
  /** Called when nobody does, while the block runs. */
  onGiveUp: () => void;
}

/** See the file's header. */
export class QueryBatches<Asked> {
  readonly #runners: QueryRunners<Asked>;
  #waiting: Waiting<Asked>[] = [];
  #running = 0;
  #isWideRunning = false;

  constructor(runners: QueryRunners<Asked>) {
    this.#runners = runners;
  }

  /**
   * A query block's state: the same to the last bit whatever it is run with.
   *
   * @param signal - Ends the waiting; a run that other requests wait for goes on.
   */
  encode(query: Asked, signal?: AbortSignal): Promise<QueryBlockState> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    let forget = (): void => {};
    const state = new Promise<QueryBlockState>((resolve, reject) => {
      const waiting: Waiting<Asked> = { query, resolve, reject, isGivenUp: false, onGiveUp: () => {} };
      if (signal) forget = onAbort(signal, () => this.#giveUp(waiting, signal.reason));
      this.#waiting.push(waiting);
    });
    this.#dispatch();
    return state.finally(() => forget());
  }

  #giveUp(waiting: Waiting<Asked>, reason: unknown): void {
    this.#waiting = this.#waiting.filter((each) => each !== waiting);
    waiting.isGivenUp = true;
    waiting.reject(reason);
    waiting.onGiveUp();
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const runner = this.#freeRunner();
      if (!runner) return;
      void this.#run(runner, this.#waiting.splice(0, mostTogether));
    }
  }

  /** Where the next batch is run; undefined while it is better to wait for company. */
  #freeRunner(): QueryRunner<Asked> | undefined {
    const { workers, wide } = this.#runners;
    if (wide?.isOpen) {
      if (!this.#isWideRunning) return wide;
      // The wide run has so many of the processors that the workers run on.
      if (workers.idle <= wide.threads) return undefined;
    }
    return this.#running < workers.size ? workers : undefined;
  }

  async #run(runner: QueryRunner<Asked>, batch: readonly Waiting<Asked>[]): Promise<void> {
    const isWide = runner === this.#runners.wide;
    this.#running += 1;
    if (isWide) this.#isWideRunning = true;
    try {
      await answer(runner, batch);
    } finally {
      this.#running -= 1;
      if (isWide) this.#isWideRunning = false;
      this.#dispatch();
    }
  }
}

/** Runs a batch; where that fails, each of its queries alone, so that none fails for another's sake. */
async function answer<Asked>(runner: QueryRunner<Asked>, batch: readonly Waiting<Asked>[]): Promise<void> {
  try {
    const queries = batch.map(({ query }) => query);
    const states = await runner.run(queries, { signal: whileWanted(batch) });
    for (const [i, { resolve }] of batch.entries()) resolve(states[i]!);
  } catch (error) {
    if (batch.length === 1) batch[0]!.reject(error);
    else await Promise.all(batch.filter(isWanted).map((each) => answer(runner, [each])));
  }
}

const isWanted = ({ isGivenUp }: Waiting<unknown>): boolean => !isGivenUp;

/** A signal that aborts once nobody waits for any of a batch: what waits in the pool then leaves it. */
function whileWanted(batch: readonly Waiting<unknown>[]): AbortSignal {
  const controller = new AbortController();
  for (const waiting of batch) {
    waiting.onGiveUp = () => {
      if (!batch.some(isWanted)) controller.abort();
    };
  }
  return controller.signal;
}
