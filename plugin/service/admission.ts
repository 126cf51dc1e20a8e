/** Admits requests: a bounded number at once, a bounded number waiting, and none that could not be answered in time. */
import { onAbort } from '../../engine/index.ts';
import { ServiceFault } from './fault.ts';
import type { ServiceMetrics } from './metrics.ts';
import type { ServiceSettings } from './settings.ts';
import { blend, workTime } from './work-time.ts';

/** A request that asks for a slot. */
export interface Entrant {
  /** Ends the request's waiting. */
  readonly signal: AbortSignal;
  /** Time that the request has left, in milliseconds. */
  readonly leftMs: number;
  /** Name of the model, for metrics. */
  readonly model: string;
}

/** The slots of requests that rank at once, and the queue for them. */
export interface Admission {
  /**
   * Refuses a request before its body is read, when no slot can be had and reading alone keeps the thread busy: reading
   * more would take the time that admitted requests need.
   *
   * @param elapsedMs - Time since the request came, in milliseconds.
   * @throws ServiceFault `overloaded`.
   */
  assertRoom(elapsedMs: number): void;
  /** Runs work in a slot, when its turn comes. @throws ServiceFault `overloaded` when there is no room or no time. */
  run<T>(entrant: Entrant, work: () => Promise<T>): Promise<T>;
  /** How long a new request would wait, in milliseconds. */
  expectedWaitMs(): number;
}

/** The limits of admission; read anew for every request, so that a reload takes effect at once. */
export interface AdmissionLimits {
  /** Current settings. */
  readonly settings: () => Pick<ServiceSettings, 'maxConcurrent' | 'maxQueue' | 'deadlineMs'>;
  /** Metrics of the queue. */
  readonly metrics: Pick<ServiceMetrics, 'queueDuration' | 'queueWait' | 'queueLength' | 'inFlight' | 'shed'>;
  /** The clock, in milliseconds. */
  readonly now: () => number;
  /** Share of the recent time that the thread was busy, in [0, 1]. */
  readonly threadUse: () => number;
}

interface Waiter {
  readonly enter: () => void;
}

/** Share of busy time from which a thread answers every request late. */
const fullThreadUse = 0.9;
/** Time without requests in which the mean wait fades to half, in milliseconds. */
const waitHalfLifeMs = 10_000;

/** Opens the admission. */
export function admission(limits: AdmissionLimits): Admission {
  return new QueuedAdmission(limits);
}

class QueuedAdmission implements Admission {
  readonly #limits: AdmissionLimits;
  readonly #waiting: Waiter[] = [];
  readonly #workTime = workTime();
  #running = 0;
  #meanWaitMs = 0;
  #lastEntryMs = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
    const { queueWait } = limits.metrics;
    // The gauge is computed when metrics are collected: without requests the mean fades, so that an autoscaler scales
    // down.
    Object.assign(queueWait, { collect: () => queueWait.set(this.#fadedWaitMs() / 1000) });
  }

  async run<T>(entrant: Entrant, work: () => Promise<T>): Promise<T> {
    const { metrics, now } = this.#limits;
    const cameMs = now();
    await this.#enter(entrant);
    const startedMs = now();
    this.#noteWait(startedMs - cameMs);
    metrics.queueDuration.observe({ model: entrant.model }, (startedMs - cameMs) / 1000);
    let isWhole = false;
    try {
      const done = await work();
      isWhole = true;
      return done;
    } finally {
      this.#workTime.learn(now() - startedMs, isWhole);
      this.#leave();
    }
  }

  assertRoom(elapsedMs: number): void {
    const { settings, threadUse } = this.#limits;
    const { maxQueue, deadlineMs } = settings();
    if (this.#isFree() || threadUse() < fullThreadUse) return;
    const expectedMs = this.expectedWaitMs();
    if (this.#waiting.length >= maxQueue) throw this.#refuse('queue-full', expectedMs);
    // No request has more time than the service's limit.
    if (this.#isLate(expectedMs, deadlineMs - elapsedMs)) throw this.#refuse('deadline', expectedMs);
  }

  expectedWaitMs(): number {
    const { maxConcurrent } = this.#limits.settings();
    return this.#isFree() ? 0 : ((this.#waiting.length + 1) * this.#workTime.meanMs) / maxConcurrent;
  }

  /** Resolves at the request's turn. */
  async #enter({ signal, leftMs }: Entrant): Promise<void> {
    signal.throwIfAborted();
    const { maxQueue } = this.#limits.settings();
    if (this.#isFree()) {
      this.#start();
      return;
    }
    const expectedMs = this.expectedWaitMs();
    if (this.#waiting.length >= maxQueue) throw this.#refuse('queue-full', expectedMs);
    if (this.#isLate(expectedMs, leftMs)) throw this.#refuse('deadline', expectedMs);
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        this.#tellLength();
        reject(signal.reason);
      };
      const forget = onAbort(signal, leave);
      const waiter: Waiter = {
        enter: () => {
          forget();
          this.#start();
          resolve();
        },
      };
      this.#waiting.push(waiter);
      this.#tellLength();
    });
  }

  /** Whether a new request would get a slot at once. */
  #isFree(): boolean {
    return this.#running < this.#limits.settings().maxConcurrent && this.#waiting.length === 0;
  }

  /** Whether a request that waits so long is answered after its deadline, its own work included. */
  #isLate(waitMs: number, leftMs: number): boolean {
    return waitMs + this.#workTime.mostMs > leftMs;
  }

  #start(): void {
    this.#running += 1;
    this.#limits.metrics.inFlight.set(this.#running);
  }

  #leave(): void {
    this.#running -= 1;
    while (this.#running < this.#limits.settings().maxConcurrent && this.#waiting.length > 0) {
      this.#waiting.shift()!.enter();
    }
    this.#limits.metrics.inFlight.set(this.#running);
    this.#tellLength();
  }

  #refuse(reason: string, expectedMs: number): ServiceFault {
    this.#limits.metrics.shed.inc({ reason });
    const message =
      reason === 'queue-full'
        ? 'Too many requests are waiting. Try again later, or add replicas.'
        : `A turn would come in about ${Math.round(expectedMs)} ms, too late for an answer before the deadline. Try again later, or add replicas.`;
    return withoutStack(
      () =>
        new ServiceFault('overloaded', message, {
          retryAfterS: Math.max(1, Math.ceil(expectedMs / 1000)),
        }),
    );
  }

  #noteWait(waitMs: number): void {
    this.#meanWaitMs = blend(this.#fadedWaitMs(), waitMs);
    this.#lastEntryMs = this.#limits.now();
  }

  #fadedWaitMs(): number {
    const idleMs = this.#limits.now() - this.#lastEntryMs;
    return this.#waiting.length > 0 ? this.#meanWaitMs : this.#meanWaitMs * 0.5 ** (idleMs / waitHalfLifeMs);
  }

  #tellLength(): void {
    this.#limits.metrics.queueLength.set(this.#waiting.length);
  }
}

/** Makes an error without a stack, which nobody reads and which takes longer to collect than all else of a refusal here. */
function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return make();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
