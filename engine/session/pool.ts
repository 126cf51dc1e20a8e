/**
 * Worker threads that run programs: one task at a time a worker, waiting tasks by priority, then by age.
 * A pool knows nothing of what its programs compute.
 */
import { availableParallelism } from 'node:os';
import { onAbort } from '../abortable.ts';
import { ConfigurationError, InferenceError } from '../errors.ts';
import type { ProgramOptions } from './messages.ts';
import { Slot } from './slot.ts';
import type { ProgramEntry, Task } from './task.ts';

/** Options of {@link openWorkerPool}. */
export interface WorkerPoolOptions {
  /** Worker threads, 1 to 1024. @defaultValue the processors at hand */
  readonly workers?: number;
}

/** Options of one task. */
export interface TaskOptions {
  /** Takes a waiting task out of the queue; a task that runs already runs to its end. */
  readonly signal?: AbortSignal;
  /** Lower runs first. @defaultValue 0 */
  readonly priority?: number;
}

/** A program that is open on a pool. */
export interface PooledProgram<Request, Response> {
  /** How many workers run it. */
  readonly size: number;
  /** Whether a worker has it open: false while all that there are, or that replace them, are still to open it. */
  readonly isOpen: boolean;
  /** How many of its workers wait for something to do. */
  readonly idle: number;
  /**
   * Runs one task. A task whose worker dies is tried once more in another one. While no worker can open the program
   * none waits: tasks are refused until one of the further attempts, which come by themselves, succeeds.
   *
   * @throws InferenceError @throws TypeError when the program or its pool is closed, before the task or while it waits.
   */
  run(request: Request, options?: TaskOptions): Promise<Response>;
  /** Ends waiting tasks with a `TypeError`, waits for running ones and frees what the program holds. Closing twice does nothing. */
  close(): Promise<void>;
}

/**
 * Starts no thread yet: that is done when the first reranker is opened on the pool.
 *
 * @throws ConfigurationError when `workers` is no whole number from 1 to 1024.
 *
 * @example
 * const pool = openWorkerPool({ workers: 4 });
 * const english = await openReranker({ pool });
 * const german = await openReranker({ pool, model: 'models/german' });
 * // ...
 * await english.close();
 * await german.close();
 * await pool.close();
 */
export function openWorkerPool({ workers = availableParallelism() }: WorkerPoolOptions = {}): WorkerPool {
  if (!Number.isInteger(workers) || workers < 1 || workers > 1024) {
    const message = `expected a whole number from 1 to 1024, got ${String(workers)}`;
    throw new ConfigurationError('Cannot open the worker pool', [{ path: 'workers', message }]);
  }
  return new WorkerPool(workers);
}

/**
 * Worker threads that several rerankers share. Whoever opened the pool closes it: a reranker that was given one
 * leaves it open, whichever order they are closed in. Every worker holds every reranker's model; a worker that dies
 * is replaced and opens them all again. Tasks of all rerankers wait in one queue.
 */
export class WorkerPool {
  /** How many workers there are. */
  readonly size: number;
  readonly #waiting: Task[] = [];
  readonly #slots: readonly Slot[];
  readonly #programs = new Map<ProgramEntry, { lastFailure: Error | undefined }>();
  #beside: WorkerPool | undefined;
  #programIds = 0;
  #closed: Promise<void> | undefined;

  /** @internal Made by {@link openWorkerPool}. */
  constructor(workers: number) {
    this.size = workers;
    this.#slots = Array.from(
      { length: workers },
      () =>
        new Slot({
          next: (isOpen) => this.#next(isOpen),
          again: (task) => this.#again(task),
          onBroken: (program, error) => this.#refuseIfBroken(program, error),
        }),
    );
  }

  /** Opens a program in every worker. @internal Called by rerankers. */
  async open<Request, Response>(options: ProgramOptions): Promise<PooledProgram<Request, Response>> {
    if (this.#closed) throw new TypeError('open: the worker pool is closed.');
    const program: ProgramEntry = { programId: this.#programIds++, options };
    this.#programs.set(program, { lastFailure: undefined });
    const attempts = await Promise.allSettled(this.#slots.map((slot) => slot.open(program)));
    const failed = attempts.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed) {
      await this.#closeProgram(program);
      throw failed.reason;
    }
    const { size } = this;
    const isOpen = (): boolean => this.#isOpen(program);
    const idle = (): number => this.#idle(program);
    let closed: Promise<void> | undefined;
    return {
      size,
      get isOpen() {
        return isOpen();
      },
      get idle() {
        return idle();
      },
      run: (request, task) => this.#run(program, request, task) as Promise<Response>,
      close: () => {
        closed ??= this.#closeProgram(program);
        return closed;
      },
    };
  }

  /**
   * Ends waiting tasks with a `TypeError`, waits for running ones and stops the workers. Rerankers that are still open
   * on the pool refuse further calls with a `TypeError`; closing them does nothing more. Closing twice does nothing.
   */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  /**
   * One worker beside the others, for runs that use several processors. It is started with the first program that is
   * opened on it, and ends with this pool. @internal Used by rerankers.
   */
  get beside(): WorkerPool {
    this.#beside ??= new WorkerPool(1);
    return this.#beside;
  }

  async #end(): Promise<void> {
    const error = new TypeError('run: the worker pool was closed before this task ran.');
    this.#refuse(() => true, error);
    await Promise.all([...this.#slots.map((slot) => slot.close()), this.#beside?.close()]);
  }

  async #closeProgram(program: ProgramEntry): Promise<void> {
    this.#programs.delete(program);
    const error = new TypeError('run: the program was closed before this task ran.');
    this.#refuse((task) => task.program === program, error);
    await Promise.all(this.#slots.map((slot) => slot.leave(program)));
  }

  #isOpen(program: ProgramEntry): boolean {
    return !this.#refusal(program) && this.#slots.some((slot) => slot.isOpen(program));
  }

  #idle(program: ProgramEntry): number {
    if (this.#waiting.length > 0) return 0;
    return this.#slots.filter((slot) => slot.isIdle && slot.isOpen(program)).length;
  }

  /** Why a program's tasks are refused; undefined while they are not. */
  #refusal(program: ProgramEntry): TypeError | undefined {
    if (this.#closed) return new TypeError('run: the worker pool is closed.');
    return this.#programs.has(program) ? undefined : new TypeError('run: the program is closed.');
  }

  #run(
    program: ProgramEntry,
    request: unknown,
    { signal, priority = 0 }: TaskOptions = {},
  ): Promise<unknown> {
    const refusal = this.#refusal(program);
    if (refusal) return Promise.reject(refusal);
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.#isPromising(program)) return Promise.reject(this.#brokenError(program));
    return new Promise((resolve, reject) => {
      const task: Task = { program, request, priority, resolve, reject, attempts: 0, unlisten: () => {} };
      if (signal) this.#leaveQueueOn(signal, task);
      this.#enqueue(task);
    });
  }

  #enqueue(task: Task): void {
    const behind = this.#waiting.findIndex((other) => other.priority > task.priority);
    this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, task);
    this.#wakeFor(task);
  }

  #wakeFor({ program }: Task): void {
    this.#slots.find((slot) => slot.isIdle && slot.isOpen(program))?.advance();
  }

  #next(isOpen: (program: ProgramEntry) => boolean): Task | undefined {
    const at = this.#waiting.findIndex(({ program }) => isOpen(program));
    if (at === -1) return undefined;
    const [task] = this.#waiting.splice(at, 1);
    task?.unlisten();
    return task;
  }

  /** A worker died under this task: once it may have been chance, twice it is the task. */
  #again(task: Task): boolean {
    if (this.#refusal(task.program) || task.attempts > 1) return false;
    this.#waiting.unshift(task);
    this.#wakeFor(task);
    return true;
  }

  #isPromising(program: ProgramEntry): boolean {
    return this.#slots.some((slot) => slot.isPromising(program));
  }

  /** Nobody knows when a worker will open it, so nobody is kept waiting for it. */
  #refuseIfBroken(program: ProgramEntry, error: Error): void {
    const known = this.#programs.get(program);
    if (known) known.lastFailure = error;
    if (!this.#isPromising(program)) {
      this.#refuse((task) => task.program === program, this.#brokenError(program));
    }
  }

  #refuse(isRefused: (task: Task) => boolean, error: Error): void {
    for (const task of this.#waiting.filter(isRefused)) {
      this.#waiting.splice(this.#waiting.indexOf(task), 1);
      task.unlisten();
      task.reject(error);
    }
  }

  #brokenError(program: ProgramEntry): InferenceError {
    const cause = this.#programs.get(program)?.lastFailure;
    return new InferenceError(
      `Cannot run the task: no worker is open, since none could be replaced: ${cause?.message ?? 'unknown'} Opening one is tried again and again; free what it lacks, or restart the process.`,
      program.options,
      { cause },
    );
  }

  #leaveQueueOn(signal: AbortSignal, task: Task): void {
    const leave = (): void => {
      const at = this.#waiting.indexOf(task);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      task.reject(signal.reason);
    };
    task.unlisten = onAbort(signal, leave);
  }
}
