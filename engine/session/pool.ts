/**
 * Runs a program in worker threads: one task at a time a worker, waiting tasks by priority, then by age.
 * It knows nothing of what the program computes.
 */
import { InferenceError } from '../errors.ts';
import { Seat, type Task } from './seat.ts';

/** What a worker loads: a module that exports `open(data)`, and the data for it. */
export interface PoolOptions {
  /** The module; its `open` gives a {@link WorkerProgram}. */
  readonly program: URL;
  /** Structured-cloneable data for `open`. */
  readonly data: unknown;
  /** Worker threads, at least 1. */
  readonly workers: number;
  /** ONNX Runtime's name of what runs, for errors. */
  readonly executionProvider: string;
}

/** Options of one task. */
export interface TaskOptions {
  /** Takes a waiting task out of the queue; a task that runs already runs to its end. */
  readonly signal?: AbortSignal;
  /** Lower runs first. @defaultValue 0 */
  readonly priority?: number;
}

/** What the module of a pool opens inside each worker. */
export interface WorkerProgram<Request, Response> {
  /** Answers one request. */
  run(request: Request): Promise<Response>;
  /** Frees sessions and files. */
  close(): Promise<void>;
}

/** Worker threads that run one program. */
export interface WorkerPool<Request, Response> {
  /** How many workers there are. */
  readonly size: number;
  /** Whether a worker is open: false while all that there are, or that replace them, are still to be opened. */
  readonly isOpen: boolean;
  /**
   * Runs one task. A task whose worker dies is tried once more in another one. While no worker can be opened none
   * waits: tasks are refused until one of the further attempts, which come by themselves, succeeds.
   *
   * @throws InferenceError
   */
  run(request: Request, options?: TaskOptions): Promise<Response>;
  /** Ends waiting tasks with a `TypeError` and stops the workers. Closing twice does nothing. */
  close(): Promise<void>;
}

/** A message to a worker. */
export interface TaskMessage {
  readonly taskId: number;
  readonly request: unknown;
}

/** A worker's answer; `taskId` -1 says that the program is open. */
export interface AnswerMessage {
  readonly taskId: number;
  readonly response?: unknown;
  readonly failure?: { readonly message: string; readonly stack?: string; readonly isCallerFault: boolean };
}

/** Starts the workers and waits until every program is open. @throws InferenceError when one cannot open. */
export async function openPool<Request, Response>(
  options: PoolOptions,
): Promise<WorkerPool<Request, Response>> {
  const pool = new Pool<Request, Response>(options);
  await pool.start();
  return pool;
}

class Pool<Request, Response> implements WorkerPool<Request, Response> {
  readonly size: number;
  readonly #options: PoolOptions;
  readonly #waiting: Task<Request, Response>[] = [];
  readonly #seats: Seat<Request, Response>[] = [];
  #closed = false;
  #taskIds = 0;
  #lastFailure: Error | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.size = options.workers;
  }

  get isOpen(): boolean {
    return !this.#closed && this.#seats.some((seat) => seat.isOpen);
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.size; i += 1) {
      this.#seats.push(
        new Seat(this.#options, {
          next: () => this.#next(),
          again: (task) => this.#again(task),
          onBroken: (error) => this.#refuseIfBroken(error),
        }),
      );
    }
    try {
      await Promise.all(this.#seats.map((seat) => seat.opened));
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  run(request: Request, { signal, priority = 0 }: TaskOptions = {}): Promise<Response> {
    if (this.#closed) return Promise.reject(new TypeError('run: the worker pool is closed.'));
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (!this.#isPromising) return Promise.reject(this.#brokenError());
    return new Promise<Response>((resolve, reject) => {
      const task: Task<Request, Response> = {
        taskId: this.#taskIds++,
        request,
        priority,
        resolve,
        reject,
        attempts: 0,
        unlisten: () => {},
      };
      if (signal) this.#leaveQueueOn(signal, task);
      this.#enqueue(task);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#refuseWaiting(new TypeError('run: the worker pool was closed before this task ran.'));
    await Promise.all(this.#seats.map((seat) => seat.close()));
  }

  #enqueue(task: Task<Request, Response>): void {
    const behind = this.#waiting.findIndex((other) => other.priority > task.priority);
    this.#waiting.splice(behind === -1 ? this.#waiting.length : behind, 0, task);
    this.#seats.find((seat) => seat.idle)?.wake();
  }

  #next(): Task<Request, Response> | undefined {
    const task = this.#waiting.shift();
    task?.unlisten();
    return task;
  }

  /** A worker died under this task: once it may have been chance, twice it is the task. */
  #again(task: Task<Request, Response>): boolean {
    if (this.#closed || task.attempts > 1) return false;
    this.#waiting.unshift(task);
    this.#seats.find((seat) => seat.idle)?.wake();
    return true;
  }

  get #isPromising(): boolean {
    return this.#seats.some((seat) => seat.isPromising);
  }

  /** Nobody knows when a worker will open, so nobody is kept waiting for it. */
  #refuseIfBroken(error: Error): void {
    this.#lastFailure = error;
    if (!this.#isPromising) this.#refuseWaiting(this.#brokenError());
  }

  #refuseWaiting(error: Error): void {
    for (const task of this.#waiting.splice(0)) {
      task.unlisten();
      task.reject(error);
    }
  }

  #brokenError(): InferenceError {
    const cause = this.#lastFailure;
    return new InferenceError(
      `Cannot run the task: no worker is open, since none could be replaced: ${cause?.message ?? 'unknown'} Opening one is tried again and again; free what it lacks, or restart the process.`,
      this.#options,
      { cause },
    );
  }

  #leaveQueueOn(signal: AbortSignal, task: Task<Request, Response>): void {
    const leave = (): void => {
      const at = this.#waiting.indexOf(task);
      if (at === -1) return;
      this.#waiting.splice(at, 1);
      task.reject(signal.reason);
    };
    signal.addEventListener('abort', leave, { once: true });
    task.unlisten = () => signal.removeEventListener('abort', leave);
  }
}
