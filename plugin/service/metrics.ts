/** Prometheus metrics of the service. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { BreakerState } from '../guard/breaker.ts';

/** Every metric; names start with `blockrank_service_`. */
export interface ServiceMetrics {
  /** The registry of all metrics, Node's own included. */
  readonly registry: Registry;
  /** Answers by form, model and status. */
  readonly requests: Counter<'form' | 'model' | 'status'>;
  /** Time from a request's first byte to its answer. */
  readonly duration: Histogram<'form' | 'model'>;
  /** Time that ranked requests waited for their turn. */
  readonly queueDuration: Histogram<'model'>;
  /** Recent mean of the time that requests waited for their turn, for autoscalers. */
  readonly queueWait: Gauge;
  /** Requests that wait. */
  readonly queueLength: Gauge;
  /** Requests that are being ranked. */
  readonly inFlight: Gauge;
  /** Requests refused, by reason: `queue-full`, `deadline`, `tenant-limit`, `memory`. */
  readonly shed: Counter<'reason'>;
  /** Look-ups in the cache: `hit`, `miss`, `coalesced`. */
  readonly cache: Counter<'model' | 'result'>;
  /** Documents ranked. */
  readonly documents: Counter<'model'>;
  /** Documents that were not read in time; `documents` counts them too. */
  readonly unreadDocuments: Counter<'model'>;
  /** Tokens read. */
  readonly tokens: Counter<'model'>;
  /** Tokens that caps cut away. */
  readonly truncatedTokens: Counter<'model'>;
  /** Block states: `found`, `encoded`. */
  readonly states: Counter<'model' | 'result'>;
  /** Calls of single rerankers by outcome: `ok`, or the error's code. */
  readonly rerankerCalls: Counter<'model' | 'reranker' | 'outcome'>;
  /** Circuit breakers: 0 closed, 1 half-open, 2 open. */
  readonly breaker: Gauge<'model' | 'reranker'>;
  /** Times that a chain asked its next reranker, by the former one's error. */
  readonly failovers: Counter<'model' | 'reranker' | 'code'>;
  /** Further attempts at remote services. */
  readonly retries: Counter<'reranker'>;
  /** Decisions of routers, by the reranker that was chosen and why. */
  readonly routed: Counter<'model' | 'reranker' | 'reason'>;
  /** Share of the first ten documents that a shadow has in common with the served ranking. */
  readonly shadowOverlap: Histogram<'model'>;
  /** Configurations read, by result: `ok`, `refused`. */
  readonly reloads: Counter<'result'>;
  /** Number of configurations that were taken. */
  readonly generation: Gauge;
  /** 1 once the service answers requests. */
  readonly ready: Gauge;
}

const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const overlapBuckets = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const breakerLevels: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Registers all metrics. @param registry - The registry to use; by default a fresh one with Node's own metrics. */
export function serviceMetrics(registry: Registry = freshRegistry()): ServiceMetrics {
  const settingsOf = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) => ({
    name: `blockrank_service_${name}`,
    help,
    labelNames: [...labelNames],
    registers: [registry],
  });
  const counter = <Label extends string = never>(
    name: string,
    help: string,
    ...labels: Label[]
  ): Counter<Label> => new Counter(settingsOf(name, help, labels));
  const gauge = <Label extends string = never>(
    name: string,
    help: string,
    ...labels: Label[]
  ): Gauge<Label> => new Gauge(settingsOf(name, help, labels));
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    ...labels: Label[]
  ): Histogram<Label> => new Histogram({ ...settingsOf(name, help, labels), buckets });
  const reloads = counter('config_reloads_total', 'Configurations read.', 'result');
  // The counters exist from the start, so that an alert sees the first refusal as a change.
  for (const result of ['ok', 'refused'] as const) reloads.inc({ result }, 0);
  return {
    registry,
    reloads,
    requests: counter('requests_total', 'Answers.', 'form', 'model', 'status'),
    duration: histogram('request_duration_seconds', 'Time of a request.', durationBuckets, 'form', 'model'),
    queueDuration: histogram('queue_duration_seconds', 'Time before a turn.', durationBuckets, 'model'),
    queueWait: gauge('queue_wait_seconds', 'Recent mean of the time before a turn.'),
    queueLength: gauge('queue_length', 'Requests that wait for their turn.'),
    inFlight: gauge('in_flight', 'Requests that are ranked.'),
    shed: counter('shed_total', 'Requests refused to keep the others fast.', 'reason'),
    cache: counter('cache_total', 'Questions to the result cache.', 'model', 'result'),
    documents: counter('documents_total', 'Documents ranked.', 'model'),
    unreadDocuments: counter('unread_documents_total', 'Documents not read in time.', 'model'),
    tokens: counter('tokens_total', 'Tokens read.', 'model'),
    truncatedTokens: counter('truncated_tokens_total', 'Tokens that caps cut away.', 'model'),
    states: counter('states_total', 'Block states found at hand or encoded.', 'model', 'result'),
    rerankerCalls: counter('reranker_calls_total', 'Calls of a reranker.', 'model', 'reranker', 'outcome'),
    breaker: gauge('breaker_state', 'Breaker: 0 closed, 1 half-open, 2 open.', 'model', 'reranker'),
    failovers: counter('failovers_total', 'Times the next one was asked.', 'model', 'reranker', 'code'),
    retries: counter('retries_total', 'Further attempts at a remote service.', 'reranker'),
    routed: counter('routed_total', 'Lists that a router gave to a reranker.', 'model', 'reranker', 'reason'),
    shadowOverlap: histogram('shadow_overlap', 'First ten in common.', overlapBuckets, 'model'),
    generation: gauge('config_generation', 'Configurations taken.'),
    ready: gauge('ready', 'Whether requests are answered.'),
  };
}

/** The breaker's state as a number. */
export function breakerLevel(state: BreakerState): number {
  return breakerLevels[state];
}

function freshRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
