/**
 * One worker's slot in a pool: the thread, and what each program's state in it is. A worker that dies is replaced in
 * the same slot, and a program that cannot be opened is tried again there. A slot does one thing at a time.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type BlockRankError, InferenceError } from '../errors.ts';
import type { AnswerMessage, WorkerFailure, WorkerMessage } from './messages.ts';
import type { ProgramEntry, Task } from './task.ts';

/** What a slot asks of its pool. */
export interface Queue {
  /** The next task of a program that this slot's worker has open; undefined when none waits. */
  readonly next: (isOpen: (program: ProgramEntry) => boolean) => Task | undefined;
  /** Takes back a task whose worker died. @returns Whether it will be tried once more. */
  readonly again: (task: Task) => boolean;
  /** Told when the worker could not open a program. */
  readonly onBroken: (program: ProgramEntry, error: Error) => void;
}

/** Time before a program that could not be opened is opened again, in milliseconds; doubled with each failure. */
const firstRetryMs = 100;
/** What lacks now (memory, a file on its way) is looked for this often at least, in milliseconds. */
const longestRetryMs = 30_000;

/** A program in this slot. */
interface Residence {
  state: 'unopened' | 'opening' | 'open' | 'broken';
  failures: number;
  retry?: NodeJS.Timeout;
  /** Settle once it was opened, or could not be, for the first time. */
  readonly onOpened: () => void;
  readonly onUnopened: (error: unknown) => void;
  /** Called once it is gone from the slot, after somebody asked for that. */
  onGone?: () => void;
}

/** What the worker is doing. */
type Job =
  | { readonly kind: 'open'; readonly program: ProgramEntry }
  | { readonly kind: 'close'; readonly program: ProgramEntry }
  | { readonly kind: 'run'; readonly program: ProgramEntry; readonly task: Task };

/** See the file's header. */
export class Slot {
  readonly #queue: Queue;
  readonly #programs = new Map<ProgramEntry, Residence>();
  #worker: Worker | undefined;
  #job: Job | undefined;
  #isClosing = false;
  #onFree: (() => void) | undefined;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Opens a program here, and again in every worker that takes this one's place. @throws InferenceError */
  open(program: ProgramEntry): Promise<void> {
    const opened = new Promise<void>((onOpened, onUnopened) => {
      this.#programs.set(program, { state: 'unopened', failures: 0, onOpened, onUnopened });
    });
    opened.catch(() => {}); // the pool reports it; a program closed before that must not warn
    this.advance();
    return opened;
  }

  /** Closes a program here, after what runs has ended; the worker stays. */
  leave(program: ProgramEntry): Promise<void> {
    const residence = this.#programs.get(program);
    if (!residence) return Promise.resolve();
    clearTimeout(residence.retry);
    const gone = new Promise<void>((resolve) => {
      residence.onGone = resolve;
    });
    this.advance();
    return gone;
  }

  /** Whether the worker answers a program's tasks. */
  isOpen(program: ProgramEntry): boolean {
    return this.#programs.get(program)?.state === 'open';
  }

  /** Whether it answers a program's tasks, or is about to. */
  isPromising(program: ProgramEntry): boolean {
    const state = this.#programs.get(program)?.state;
    return state !== undefined && state !== 'broken';
  }

  /** Whether it waits for something to do. */
  get isIdle(): boolean {
    return this.#job === undefined && !this.#isClosing;
  }

  /** Does the next thing, if the worker is free. */
  advance(): void {
    if (!this.isIdle) return;
    this.#clearAbsent();
    const job = this.#next();
    if (job) this.#start(job);
    else this.#worker?.unref(); // an idle pool does not keep the process alive
  }

  /** Ends the worker, once that has answered. */
  async close(): Promise<void> {
    this.#isClosing = true;
    for (const { retry } of this.#programs.values()) clearTimeout(retry);
    // Ending a thread inside the runtime aborts the whole process, so what it loads or runs ends first.
    if (this.#job) await new Promise<void>((resolve) => (this.#onFree = resolve));
    await this.#worker?.terminate();
    const closed = new TypeError('open: the worker pool was closed before the program was open.');
    for (const { onUnopened, onGone } of this.#programs.values()) {
      onUnopened(closed);
      onGone?.();
    }
    this.#programs.clear();
  }

  /** Programs that shall go and that no worker has open are gone. */
  #clearAbsent(): void {
    for (const [program, { state, onGone }] of [...this.#programs]) {
      if (!onGone || state === 'open') continue;
      this.#programs.delete(program);
      onGone();
    }
  }

  #next(): Job | undefined {
    for (const [program, { onGone }] of this.#programs) if (onGone) return { kind: 'close', program };
    for (const [program, { state }] of this.#programs) {
      if (state === 'unopened') return { kind: 'open', program };
    }
    const task = this.#queue.next((program) => this.isOpen(program));
    return task && { kind: 'run', program: task.program, task };
  }

  #start(job: Job): void {
    this.#job = job;
    if (job.kind === 'open') this.#programs.get(job.program)!.state = 'opening';
    if (job.kind === 'run') job.task.attempts += 1;
    try {
      this.#worker ??= this.#spawn();
      this.#worker.ref();
      this.#worker.postMessage(toMessage(job));
    } catch (error) {
      // No thread could be started for the program, or a request holds what cannot be sent to one.
      this.#onAnswer({ failure: { message: String(error), isCallerFault: job.kind === 'run' } });
    }
  }

  #spawn(): Worker {
    const worker = import.meta.url.endsWith('.ts')
      ? new Worker(fromSource(new URL('./worker.ts', import.meta.url)), { eval: true })
      : new Worker(new URL('./worker.js', import.meta.url));
    // A worker that was replaced may still speak: it is over.
    const ifMine = (then: () => void): void => {
      if (this.#worker === worker) then();
    };
    worker.on('message', (answer: AnswerMessage) => ifMine(() => this.#onAnswer(answer)));
    worker.on('error', (error) => ifMine(() => this.#onDeath(error)));
    worker.on('exit', (code) => ifMine(() => this.#onDeath(new Error(`the worker ended with code ${code}`))));
    return worker;
  }

  #onAnswer({ response, failure }: AnswerMessage): void {
    const job = this.#job;
    this.#job = undefined;
    if (job?.kind === 'open') {
      if (failure) this.#onUnopened(job.program, toError(failure, job.program));
      else this.#onOpened(job.program);
    } else if (job?.kind === 'close') {
      this.#onClosed(job.program);
    } else if (job) {
      if (failure) job.task.reject(toError(failure, job.program));
      else job.task.resolve(response);
    }
    this.#onFree?.();
    this.advance();
  }

  #onOpened(program: ProgramEntry): void {
    const residence = this.#programs.get(program)!;
    residence.state = 'open';
    residence.failures = 0;
    residence.onOpened();
  }

  #onClosed(program: ProgramEntry): void {
    const { onGone } = this.#programs.get(program)!;
    this.#programs.delete(program);
    onGone?.();
  }

  /** What cannot be opened now may be later: it is tried again, ever more seldom. */
  #onUnopened(program: ProgramEntry, error: BlockRankError | TypeError): void {
    const residence = this.#programs.get(program)!;
    residence.state = 'broken';
    // The next attempt is made in a fresh thread, unless this one serves others.
    if (![...this.#programs.values()].some(({ state }) => state === 'open')) {
      void this.#worker?.terminate();
      this.#worker = undefined;
    }
    if (!this.#isClosing && !residence.onGone) {
      const waitMs = Math.min(longestRetryMs, firstRetryMs * 2 ** residence.failures);
      residence.failures += 1;
      residence.retry = setTimeout(() => {
        residence.state = 'unopened';
        this.advance();
      }, waitMs);
      residence.retry.unref();
    }
    residence.onUnopened(error);
    this.#queue.onBroken(program, error);
  }

  #onDeath(error: Error): void {
    this.#worker = undefined;
    const job = this.#job;
    this.#job = undefined;
    for (const residence of this.#programs.values()) {
      if (residence.state === 'open') residence.state = 'unopened';
    }
    if (job?.kind === 'open') {
      this.#onUnopened(job.program, toError({ message: error.message, isCallerFault: false }, job.program));
    }
    this.#onFree?.();
    if (job?.kind === 'run' && !this.#queue.again(job.task))
      job.task.reject(this.#deathOf(job.program, error));
    this.advance();
  }

  #deathOf({ options }: ProgramEntry, cause: Error): Error {
    if (this.#isClosing) return new TypeError('run: the worker pool was closed while this task ran.');
    return new InferenceError(`A worker died while computing: ${cause.message}.`, options, { cause });
  }
}

function toMessage(job: Job): WorkerMessage {
  const { programId, options } = job.program;
  switch (job.kind) {
    case 'open':
      return { kind: 'open', programId, module: options.program.href, data: options.data };
    case 'run':
      return { kind: 'run', programId, request: job.task.request };
    case 'close':
      return { kind: 'close', programId };
    default:
      throw new TypeError(`toMessage: unknown job ${JSON.stringify(job satisfies never)}.`);
  }
}

function toError(failure: WorkerFailure, { options }: ProgramEntry): BlockRankError | TypeError {
  const cause = new Error(failure.message);
  if (failure.stack) cause.stack = failure.stack;
  if (failure.isCallerFault) return new TypeError(failure.message, { cause });
  return new InferenceError(`A worker failed: ${failure.message}`, options, { cause });
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
