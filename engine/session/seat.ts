/** One worker's place in a pool. A worker that dies, or that cannot open its program, is replaced in the same place. */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type BlockRankError, InferenceError } from '../errors.ts';
import type { AnswerMessage, PoolOptions, TaskMessage } from './pool.ts';

/** One request on its way through a pool. */
export interface Task<Request, Response> {
  readonly taskId: number;
  readonly request: Request;
  readonly priority: number;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  attempts: number;
  unlisten: () => void;
}

/** What a seat asks of its pool. */
export interface Queue<Request, Response> {
  /** The next task; undefined when none waits. */
  readonly next: () => Task<Request, Response> | undefined;
  /** Takes back a task whose worker died. @returns Whether it will be tried once more. */
  readonly again: (task: Task<Request, Response>) => boolean;
  /** Told when a worker could not open its program. */
  readonly onBroken: (error: Error) => void;
}

/** Time before a program that could not be opened is opened again, in milliseconds; doubled with each failure. */
const firstRetryMs = 100;
/** What lacks now (memory, a file on its way) is looked for this often at least, in milliseconds. */
const longestRetryMs = 30_000;

/** See the file's header. */
export class Seat<Request, Response> {
  /** Settles once the first worker is open. */
  readonly opened: Promise<void>;
  readonly #options: PoolOptions;
  readonly #queue: Queue<Request, Response>;
  #worker: Worker | undefined;
  #task: Task<Request, Response> | undefined;
  #state: 'opening' | 'open' | 'broken' = 'opening';
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #closing = false;
  #onFree: (() => void) | undefined;
  #onSettled: (() => void) | undefined;
  #onOpen: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(options: PoolOptions, queue: Queue<Request, Response>) {
    this.#options = options;
    this.#queue = queue;
    this.opened = new Promise((resolve, reject) => {
      this.#onOpen = { resolve, reject };
    });
    this.opened.catch(() => {}); // the pool reports it; a seat closed before that must not warn
    this.#spawn();
  }

  /** Whether its worker answers tasks. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Whether its worker answers tasks, or is about to. */
  get isPromising(): boolean {
    return this.#state !== 'broken';
  }

  /** Whether it waits for a task. */
  get idle(): boolean {
    return this.isOpen && this.#task === undefined && !this.#closing;
  }

  /** Takes the next task, if it has none. */
  wake(): void {
    if (!this.idle) return;
    const worker = this.#worker!;
    const task = this.#queue.next();
    if (!task) {
      worker.unref(); // an idle pool does not keep the process alive
      return;
    }
    this.#task = task;
    task.attempts += 1;
    worker.ref();
    worker.postMessage({ taskId: task.taskId, request: task.request } satisfies TaskMessage);
  }

  /** Ends its worker, once that has answered. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    // Ending a thread inside the runtime aborts the whole process, so what it loads or runs ends first.
    if (this.#state === 'opening') await new Promise<void>((resolve) => (this.#onSettled = resolve));
    if (this.#task) await new Promise<void>((resolve) => (this.#onFree = resolve));
    await this.#worker?.terminate();
  }

  #spawn(): void {
    this.#state = 'opening';
    const workerData = { program: this.#options.program.href, data: this.#options.data };
    try {
      const worker = import.meta.url.endsWith('.ts')
        ? new Worker(fromSource(new URL('./worker.ts', import.meta.url)), { workerData, eval: true })
        : new Worker(new URL('./worker.js', import.meta.url), { workerData });
      this.#worker = worker;
      // A worker that was replaced may still speak: it is over.
      const ifMine = (then: () => void): void => {
        if (this.#worker === worker) then();
      };
      worker.on('message', (message: AnswerMessage) => ifMine(() => this.#onMessage(message)));
      worker.on('error', (error) => ifMine(() => this.#onDeath(error)));
      worker.on('exit', (code) =>
        ifMine(() => this.#onDeath(new Error(`the worker ended with code ${code}`))),
      );
    } catch (error) {
      this.#onUnopened(this.#toError({ message: String(error), isCallerFault: false }));
    }
  }

  #onMessage({ taskId, response, failure }: AnswerMessage): void {
    if (taskId === -1) {
      if (failure) this.#onUnopened(this.#toError(failure));
      else this.#onOpened();
      return;
    }
    const task = this.#task;
    this.#task = undefined;
    if (failure) task?.reject(this.#toError(failure));
    else task?.resolve(response as Response);
    this.#onFree?.();
    this.wake();
  }

  #onOpened(): void {
    this.#state = 'open';
    this.#failures = 0;
    this.#onOpen?.resolve();
    this.#onSettled?.();
    this.wake();
  }

  /** What one worker could not open the next one may: it is tried later, ever more seldom. */
  #onUnopened(error: BlockRankError | TypeError): void {
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#state = 'broken';
    if (!this.#closing) {
      const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** this.#failures);
      this.#failures += 1;
      this.#retry = setTimeout(() => this.#spawn(), waitMs);
      this.#retry.unref();
    }
    this.#onOpen?.reject(error);
    this.#onSettled?.();
    this.#queue.onBroken(error);
  }

  #onDeath(error: Error): void {
    this.#worker = undefined;
    if (this.#state === 'opening') {
      this.#onUnopened(this.#toError({ message: error.message, isCallerFault: false }));
      return;
    }
    const task = this.#task;
    this.#task = undefined;
    this.#onFree?.();
    this.#state = 'broken';
    if (!this.#closing) this.#spawn();
    if (task && !this.#queue.again(task)) {
      task.reject(
        this.#closing
          ? new TypeError('run: the worker pool was closed while this task ran.')
          : new InferenceError(`A worker died while computing: ${error.message}.`, this.#options, {
              cause: error,
            }),
      );
    }
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
