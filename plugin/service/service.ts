/** The reranking service: an HTTP server over models that may change while it runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Tracer, trace } from '@opentelemetry/api';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { checkOptionNames, type OptionNames } from '../../engine/index.ts';
import type { ServiceConfig } from '../config/service-schema.ts';
import { admission } from './admission.ts';
import { type ListenTls, serviceApp } from './app.ts';
import { ServiceFault } from './fault.ts';
import { Generation, type Serving } from './generation.ts';
import { byteBudget } from './held-bytes.ts';
import { type ServiceMetrics, serviceMetrics } from './metrics.ts';
import { noQueryLog, queryLog } from './query-log.ts';
import { rankingWork } from './ranking-work.ts';
import { listenSettings, type ServiceSettings, serviceSettings } from './settings.ts';
import { threadUse } from './thread-use.ts';
import { turns } from './turns.ts';

/** Options of {@link rerankService}. */
export interface RerankServiceOptions {
  /** The listener's settings are read once; {@link RerankService.serve} replaces the others. @defaultValue `{}` */
  readonly config?: ServiceConfig | undefined;
  /** Encryption, as read from files. @defaultValue none */
  readonly tls?: ListenTls | undefined;
  /** Metrics. @defaultValue fresh ones */
  readonly metrics?: ServiceMetrics | undefined;
  /** Log. @defaultValue lines of JSON on standard output, at the level of the configuration */
  readonly logger?: Logger | undefined;
  /** Makes spans. @defaultValue the global tracer */
  readonly tracer?: Tracer | undefined;
  /** Share of the recent time that this thread was busy, in [0, 1]. @defaultValue Node's own measure */
  readonly threadUse?: (() => number) | undefined;
}

const optionNames: OptionNames<RerankServiceOptions> = {
  config: true,
  tls: true,
  metrics: true,
  logger: true,
  tracer: true,
  threadUse: true,
};

/** A running service. */
export interface RerankService {
  /** Address of the listener. */
  readonly url: string;
  /** Its metrics. */
  readonly metrics: ServiceMetrics;
  /** Its log. */
  readonly logger: Logger;
  /** Serves another configuration from the next request on; requests in hand end under the one that they began with. */
  serve(serving: Serving): void;
  /** Takes a new certificate. Does nothing without encryption. */
  renewTls(tls: ListenTls): void;
  /**
   * Ends the service: it reports that it is not ready, waits, stops listening, lets requests in hand finish, and cuts
   * off those that take longer than `drainMs`. A second call waits for the same end. Rerankers stay open.
   */
  close(): Promise<void>;
}

/**
 * Starts a service. The service listens at once and answers 503 until it gets models.
 *
 * @throws the listener's own error when the address cannot be used. @throws ConfigurationError for an unknown option.
 *
 * @example const service = await rerankService({ config: { port: 8080 } }); service.serve({ config: {}, models: [{
 * name: 'blockrank', reranker: await openReranker() }] });
 */
export async function rerankService(options: RerankServiceOptions = {}): Promise<RerankService> {
  checkOptionNames('Cannot start the service', options, optionNames);
  const { config = {} } = options;
  const service = new Service(options, config);
  await service.listen(options);
  return service;
}

/** Time without a new request before connections are closed, in milliseconds. */
const quietMs = 50;
/** Time between two looks at the requests in hand while the service ends, in milliseconds. */
const drainStepMs = 10;

class Service implements RerankService {
  readonly metrics: ServiceMetrics;
  readonly logger: Logger;
  readonly #config: ServiceConfig;
  readonly #queryLog: typeof noQueryLog;
  #app!: FastifyInstance;
  #generation: Generation | undefined;
  #isDraining = false;
  #inHand = 0;
  #closing: Promise<void> | undefined;
  url = '';

  constructor(options: RerankServiceOptions, config: ServiceConfig) {
    this.#config = config;
    this.metrics = options.metrics ?? serviceMetrics();
    this.logger = options.logger ?? pino({ level: config.log?.level ?? 'info' });
    this.#queryLog = config.queryLog
      ? queryLog(config.queryLog, ({ message }) =>
          this.logger.error({ message }, 'cannot write the query log'),
        )
      : noQueryLog;
    const { ready } = this.metrics;
    // The gauge is computed when metrics are collected: workers die and come back without an event.
    Object.assign(ready, { collect: () => ready.set(Number(this.#isReady())) });
  }

  async listen(options: RerankServiceOptions): Promise<void> {
    const { tls, tracer = trace.getTracer('blockrank'), threadUse: use = threadUse() } = options;
    const now = (): number => performance.now();
    const generation = (): Generation => this.#current();
    const settings = (): ServiceSettings => generation().settings;
    const slots = admission({ settings, metrics: this.metrics, now, threadUse: use });
    const { host, port, receiveTimeoutMs, sendTimeoutMs } = listenSettings(this.#config);
    this.#app = await serviceApp({
      generation,
      admission: slots,
      turns: turns(),
      work: rankingWork(slots, this.metrics),
      metrics: this.metrics,
      queryLog: this.#queryLog,
      tracer,
      now,
      inHand: new Map(),
      logger: this.logger,
      tls,
      corsOrigins: this.#config.corsOrigins ?? [],
      receiveTimeoutMs,
      sendTimeoutMs,
      maxBodyBytes: serviceSettings(this.#config).maxBodyBytes,
      budget: byteBudget({
        maxBytes: () => settings().maxHeldBytes,
        onRefused: () => this.metrics.shed.inc({ reason: 'memory' }),
      }),
      isReady: () => this.#isReady(),
      isDraining: () => this.#isDraining,
      onInHand: (change) => {
        this.#inHand += change;
      },
    });
    this.url = await this.#app.listen({ host, port });
  }

  serve(serving: Serving): void {
    const before = this.#generation;
    this.#generation = new Generation(serving);
    before?.retire();
    this.metrics.generation.inc();
  }

  renewTls(tls: ListenTls): void {
    const server = this.#app.server as { setSecureContext?: (tls: ListenTls) => void };
    server.setSecureContext?.(tls);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { drainMs, drainDelayMs } = listenSettings(this.#config);
    this.#isDraining = true;
    await sleep(drainDelayMs);
    const closed = this.#app.close();
    if (!(await this.#idleWithin(drainMs))) {
      this.logger.warn({ drainMs }, 'requests took longer than the drain allows and were cut off');
    }
    // The connections that are still open are idle, or never carried a request.
    this.#app.server.closeAllConnections();
    await closed;
    await this.#queryLog.close();
    this.#generation?.retire();
  }

  /** Whether all requests were answered in time, and none came for a moment after that. */
  async #idleWithin(ms: number): Promise<boolean> {
    const until = performance.now() + ms;
    let quietSince = performance.now();
    while (performance.now() - quietSince < quietMs) {
      if (performance.now() > until && this.#inHand > 0) return false;
      await sleep(drainStepMs);
      if (this.#inHand > 0) quietSince = performance.now();
    }
    return true;
  }

  /** Whether the service could answer a new request, whichever model it names. */
  #isReady(): boolean {
    const models = this.#generation?.models ?? [];
    return !this.#isDraining && models.length > 0 && models.every(({ reranker }) => reranker.info.ready);
  }

  #current(): Generation {
    if (this.#generation) return this.#generation;
    throw new ServiceFault('not-ready', 'The models are being loaded.', { retryAfterS: 5 });
  }
}
