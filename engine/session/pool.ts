/**
 * Runs a program in worker threads: one task at a time a worker, waiting tasks by priority, then by age.
 * It knows nothing of what the program computes.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type BlockRankError, InferenceError } from '../errors.ts';

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
  /** Runs one task. A task whose worker dies is tried once more in a new one. @throws InferenceError */
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

interface Task<Request, Response> {
  readonly taskId: number;
  readonly request: Request;
  readonly priority: number;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
  unlisten: () => void;
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

  constructor(options: PoolOptions) {
    this.#options = options;
    this.size = options.workers;
  }

  async start(): Promise<void> {
    for (let i = 0; i < this.size; i += 1) {
      this.#seats.push(
        new Seat(this.#options, { next: () => this.#next(), again: (task) => this.#again(task) }),
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
    for (const task of this.#waiting.splice(0)) {
      task.unlisten();
      task.reject(new TypeError('run: the worker pool was closed before this task ran.'));
    }
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
    return true;
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

interface Queue<Request, Response> {
  readonly next: () => Task<Request, Response> | undefined;
  readonly again: (task: Task<Request, Response>) => boolean;
}

/** One worker's place in the pool; a worker that dies is replaced in the same place. */
class Seat<Request, Response> {
  readonly opened: Promise<void>;
  readonly #options: PoolOptions;
  readonly #queue: Queue<Request, Response>;
  #worker: Worker;
  #task: Task<Request, Response> | undefined;
  #isOpen = false;
  #closing = false;
  #onFree: (() => void) | undefined;
  #onOpen: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(options: PoolOptions, queue: Queue<Request, Response>) {
    this.#options = options;
    this.#queue = queue;
    this.opened = new Promise((resolve, reject) => {
      this.#onOpen = { resolve, reject };
    });
    this.opened.catch(() => {}); // start() reports it; a seat closed before that must not warn
    this.#worker = this.#spawn();
  }

  get idle(): boolean {
    return this.#isOpen && this.#task === undefined;
  }

  wake(): void {
    if (!this.idle) return;
    const task = this.#queue.next();
    if (!task) {
      this.#worker.unref(); // an idle pool does not keep the process alive
      return;
    }
    this.#task = task;
    task.attempts += 1;
    this.#worker.ref();
    this.#worker.postMessage({ taskId: task.taskId, request: task.request } satisfies TaskMessage);
  }

  async close(): Promise<void> {
    // Ending a thread inside the runtime aborts the whole process, so what it loads or runs ends first.
    await this.opened.catch(() => {});
    this.#closing = true;
    this.#isOpen = false;
    if (this.#task) {
      await new Promise<void>((resolve) => {
        this.#onFree = resolve;
      });
    }
    await this.#worker.terminate();
  }

  #spawn(): Worker {
    const workerData = { program: this.#options.program.href, data: this.#options.data };
    const worker = import.meta.url.endsWith('.ts')
      ? new Worker(fromSource(new URL('./worker.ts', import.meta.url)), { workerData, eval: true })
      : new Worker(new URL('./worker.js', import.meta.url), { workerData });
    worker.on('message', (message: AnswerMessage) => this.#onMessage(message));
    worker.on('error', (error) => this.#onDeath(error));
    worker.on('exit', (code) => this.#onDeath(new Error(`the worker ended with code ${code}`)));
    return worker;
  }

  #onMessage({ taskId, response, failure }: AnswerMessage): void {
    if (taskId === -1) {
      if (failure) this.#onOpen?.reject(this.#toError(failure));
      else this.#isOpen = true;
      this.#onOpen?.resolve();
    } else {
      const task = this.#task;
      this.#task = undefined;
      if (failure) task?.reject(this.#toError(failure));
      else task?.resolve(response as Response);
      this.#onFree?.();
    }
    this.wake();
  }

  #onDeath(error: Error): void {
    if (!this.#isOpen && !this.#closing)
      this.#onOpen?.reject(this.#toError({ message: error.message, isCallerFault: false }));
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    const task = this.#task;
    this.#task = undefined;
    this.#onFree?.();
    if (task && !this.#queue.again(task)) {
      task.reject(
        this.#closing
          ? new TypeError('run: the worker pool was closed while this task ran.')
          : new InferenceError(`A worker died while computing: ${error.message}.`, this.#options, {
              cause: error,
            }),
      );
    }
    if (wasOpen && !this.#closing) this.#worker = this.#spawn();
  }

  #toError(failure: NonNullable<AnswerMessage['failure']>): BlockRankError | TypeError {
    const cause = new Error(failure.message);
    if (failure.stack) cause.stack = failure.stack;
    if (failure.isCallerFault) return new TypeError(failure.message, { cause });
    return new InferenceError(`A worker failed: ${failure.message}`, this.#options, { cause });
  }
}

/** A worker does not inherit the loader that lets Node run sources, so it registers one first. */
function fromSource(entry: URL): string {
  const loader = pathToFileURL(
    createRequire(import.meta.url)
      .resolve('tsx/esm/api')
      .replace(/cjs$/, 'mjs'),
  );
  return `import('${loader}').then(({ register }) => { register(); return import('${entry}'); });`;
}
