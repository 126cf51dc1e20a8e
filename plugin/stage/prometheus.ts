/** Prometheus metrics of a stage. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { SecondSearchReport, Timings } from '../../adapters/adapter.ts';
import { BlockRankError } from '../../engine/index.ts';
import type { BreakerState } from '../guard/breaker.ts';
import type { StageEvent, StageEvents } from './events.ts';

/** Options of {@link prometheusStageMetrics}. */
export interface StageMetricsOptions {
  /** Prefix of every metric's name. @defaultValue 'blockrank_stage' */
  readonly prefix?: string;
  /** Upper bounds of the histograms' buckets, in seconds, ascending. @defaultValue 1 ms to 10 s */
  readonly buckets?: readonly number[];
}

const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const breakerLevels: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/**
 * Listener that keeps metrics in a registry; several stages may share one. All carry the labels `adapter` and `reranker`.
 *
 * `…_duration_seconds{part}` (`first-stage`, `states`, `rerank`, `total`), `…_searches_total{outcome, reason}`,
 * `…_failures_total{phase, code}`, `…_cache_total{result}`, `…_breaker_state` (0 closed, 1 half-open, 2 open),
 * `…_documents_total{result}` (`read`, `unread`: not in time, `unneeded`: not by the page), `…_states_total{result}` (`found`, `encoded`), and of the states that the search index was asked for
 * `…_stored_states_total{result}` (`found`, `missing`, `stale`, `foreign`, `damaged`), and of
 * the decisions of a router `…_routed_total{to, reason}`, and of second searches `…_second_searches_total{result}`
 * (`added`, `nothing-new`, or the reason why there was none).
 */
export function prometheusStageMetrics(registry: Registry, options: StageMetricsOptions = {}): StageEvents {
  const metrics = stageMetrics(registry, options);
  const { durations, searches, failures, cache, breaker, documents, states, storedStates, routed, again } =
    metrics;
  const observe = (source: Labels, { firstStageMs, statesMs, rerankMs, totalMs }: Timings): void => {
    durations.observe({ ...source, part: 'first-stage' }, firstStageMs / 1000);
    if (statesMs !== undefined) durations.observe({ ...source, part: 'states' }, statesMs / 1000);
    if (rerankMs > 0) durations.observe({ ...source, part: 'rerank' }, rerankMs / 1000);
    durations.observe({ ...source, part: 'total' }, totalMs / 1000);
  };
  return {
    reranked: (event) => {
      const source = labelsOf(event);
      searches.inc({ ...source, outcome: 'reranked', reason: '' });
      observe(source, event.timings);
      // The cost of a remembered ranking was counted when it was made.
      if (event.cached) return;
      const {
        statesFound,
        statesEncoded,
        storedStates: stored,
        read = event.candidates,
        stoppedBy,
      } = event.usage;
      documents.inc({ ...source, result: 'read' }, read);
      const result = stoppedBy === 'page' ? 'unneeded' : 'unread';
      documents.inc({ ...source, result }, event.candidates - read);
      if (event.secondSearch) again.inc({ ...source, result: resultOf(event.secondSearch) });
      if (event.routed) routed.inc({ ...source, to: event.routed.to, reason: event.routed.reason });
      states.inc({ ...source, result: 'found' }, statesFound);
      states.inc({ ...source, result: 'encoded' }, statesEncoded);
      for (const [result, count] of Object.entries(stored ?? {}))
        storedStates.inc({ ...source, result }, count);
    },
    unreranked: (event) => {
      const source = labelsOf(event);
      searches.inc({ ...source, outcome: 'unreranked', reason: event.reason });
      observe(source, event.timings);
    },
    failure: (event) => {
      const code = event.error instanceof BlockRankError ? event.error.code : 'other';
      failures.inc({ ...labelsOf(event), phase: event.phase, code });
    },
    cache: (event) => cache.inc({ ...labelsOf(event), result: event.result }),
    breaker: (event) => breaker.set(labelsOf(event), breakerLevels[event.state]),
  };
}

type Labels = Readonly<Record<'adapter' | 'reranker', string>>;

function labelsOf({ adapter, reranker }: StageEvent): Labels {
  return { adapter, reranker };
}

function resultOf({ reason, added }: SecondSearchReport): string {
  return reason ?? (added > 0 ? 'added' : 'nothing-new');
}

interface StageMetrics {
  readonly durations: Histogram;
  readonly searches: Counter;
  readonly failures: Counter;
  readonly cache: Counter;
  readonly breaker: Gauge;
  readonly documents: Counter;
  readonly states: Counter;
  readonly storedStates: Counter;
  readonly routed: Counter;
  readonly again: Counter;
}

function stageMetrics(registry: Registry, options: StageMetricsOptions): StageMetrics {
  const { prefix = 'blockrank_stage', buckets = defaultBuckets } = options;
  const settingsOf = (name: string, help: string, labels: readonly string[]) => ({
    name: `${prefix}_${name}`,
    help,
    labelNames: ['adapter', 'reranker', ...labels],
    registers: [registry],
  });
  const kept = <T>(name: string): T | undefined =>
    registry.getSingleMetric(`${prefix}_${name}`) as T | undefined;
  const counter = (name: string, help: string, labels: readonly string[]): Counter =>
    kept<Counter>(name) ?? new Counter(settingsOf(name, help, labels));
  return {
    durations:
      kept<Histogram>('duration_seconds') ??
      new Histogram({
        ...settingsOf('duration_seconds', 'Time of each part of a search, in seconds.', ['part']),
        buckets: [...buckets],
      }),
    searches: counter('searches_total', 'Responses given back, by outcome and reason.', [
      'outcome',
      'reason',
    ]),
    failures: counter(
      'failures_total',
      'Failures of first stage, block states, reranker and second search.',
      ['phase', 'code'],
    ),
    documents: counter(
      'documents_total',
      'Candidates of rankings: read, not read in time, or not needed by the page.',
      ['result'],
    ),
    states: counter('states_total', 'Block states that rankings read, at hand or encoded for them.', [
      'result',
    ]),
    storedStates: counter('stored_states_total', 'Block states that the search index was asked for.', [
      'result',
    ]),
    routed: counter('routed_total', 'Lists that a router gave to a reranker.', ['to', 'reason']),
    again: counter('second_searches_total', 'Second searches, by what came of them.', ['result']),
    cache: counter('cache_total', 'Questions to the ranking cache.', ['result']),
    breaker:
      kept<Gauge>('breaker_state') ??
      new Gauge(settingsOf('breaker_state', 'Circuit breaker: 0 closed, 1 half-open, 2 open.', [])),
  };
}
