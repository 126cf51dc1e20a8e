import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FirstStageError } from '../../../engine/index.ts';
import {
  openTelemetryStageTracing,
  prometheusStageMetrics,
  type RerankedEvent,
  rescoringStage,
  type StageEvents,
} from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { memoryAdapter } from '../../support/doubles/memory-adapter.ts';

const hits = [
  { id: 'a', text: 'beans' },
  { id: 'b', text: 'stars' },
];
const failing = () => fakeReranker({ fault: () => Promise.reject(new Error('broken')) });
const refused = new FirstStageError('refused', { adapter: 'memory' });

describe('stage events', () => {
  it('tell what happened, with times', async () => {
    const heard: [string, object][] = [];
    const events = listeningTo(heard);
    const stage = rescoringStage({ adapter: memoryAdapter(hits), reranker: fakeReranker(), events, topN: 1 });
    await stage.search({ query: 'stars' });
    await stage.search({ query: 'stars', sort: 'price' });
    expect(heard.map(([name]) => name)).toEqual(['cache', 'reranked', 'unreranked']);
    expect(heard[1]?.[1]).toMatchObject({
      adapter: 'memory',
      reranker: 'fake',
      candidates: 2,
      dropped: 1,
      cached: false,
    });
    expect(heard[2]?.[1]).toMatchObject({ reason: 'explicit-sort', remembered: false });
    const { timings } = heard[1]![1] as RerankedEvent;
    expect(timings.totalMs).toBeGreaterThanOrEqual(timings.rerankMs);
  });

  it('tell of failures, whether the caller saw them or not', async () => {
    const heard: [string, object][] = [];
    const events = listeningTo(heard);
    await rescoringStage({ adapter: memoryAdapter(hits), reranker: failing(), events }).search({
      query: 'stars',
    });
    const adapter = memoryAdapter(hits, { fault: () => Promise.reject(refused) });
    await expect(
      rescoringStage({ adapter, reranker: failing(), events }).search({ query: 'stars' }),
    ).rejects.toBe(refused);
    expect(heard.filter(([name]) => name === 'failure').map(([, event]) => event)).toMatchObject([
      { phase: 'rerank', error: { message: 'broken' } },
      { phase: 'first-stage', error: refused },
    ]);
  });

  it('reach every listener, and one that throws harms nobody', async () => {
    const heard: [string, object][] = [];
    const throws: StageEvents = {
      reranked: () => {
        throw new Error('this listener is broken');
      },
    };
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const stage = rescoringStage({
      adapter: memoryAdapter(hits),
      reranker: fakeReranker(),
      events: [throws, listeningTo(heard)],
    });
    expect((await stage.search({ query: 'stars' })).blockrank?.reranked).toBe(true);
    expect(heard.map(([name]) => name)).toContain('reranked');
    expect((await warned).message).toContain('this listener is broken');
  });
});

function listeningTo(heard: [string, object][]): StageEvents {
  const hear = (name: string) => (event: object) => void heard.push([name, event]);
  return {
    reranked: hear('reranked'),
    unreranked: hear('unreranked'),
    failure: hear('failure'),
    breaker: hear('breaker'),
    cache: hear('cache'),
  };
}

describe('prometheusStageMetrics', () => {
  it('keeps times, reasons, failures, cache hits and the breaker in one registry for several stages', async () => {
    const registry = new Registry();
    const sound = rescoringStage({
      adapter: memoryAdapter(hits),
      reranker: fakeReranker(),
      events: prometheusStageMetrics(registry),
    });
    const broken = rescoringStage({
      adapter: memoryAdapter(hits),
      reranker: failing(),
      events: prometheusStageMetrics(registry),
      breaker: { consecutiveFailures: 1 },
    });
    await sound.search({ query: 'stars' });
    await sound.search({ query: 'stars' });
    await broken.search({ query: 'stars' });
    const text = await registry.metrics();
    const source = 'adapter="memory",reranker="fake"';
    for (const line of [
      `blockrank_stage_searches_total{${source},outcome="reranked",reason=""} 2`,
      `blockrank_stage_searches_total{${source},outcome="unreranked",reason="rerank-error"} 1`,
      `blockrank_stage_failures_total{${source},phase="rerank",code="other"} 1`,
      `blockrank_stage_cache_total{${source},result="hit"} 1`,
      `blockrank_stage_cache_total{${source},result="miss"} 2`,
      `blockrank_stage_breaker_state{${source}} 2`,
      `blockrank_stage_duration_seconds_count{${source},part="first-stage"} 3`,
      `blockrank_stage_duration_seconds_count{${source},part="total"} 3`,
    ]) {
      expect(text.split('\n').map(withSortedLabels)).toContain(withSortedLabels(line));
    }
  });
});

/** The order of labels in a metric's line means nothing. */
function withSortedLabels(line: string): string {
  return line.replace(/\{(.*)\}/, (_all, labels: string) => `{${labels.split(',').sort().join(',')}}`);
}

describe('openTelemetryStageTracing', () => {
  beforeAll(() => context.setGlobalContextManager(asyncContexts()));
  afterAll(() => context.disable());

  it("makes spans of search, first stage and rerank, under the caller's own", async () => {
    const { tracer, spans } = recordingTracer();
    const stage = rescoringStage({
      adapter: memoryAdapter(hits),
      reranker: fakeReranker(),
      tracing: openTelemetryStageTracing(tracer),
    });
    await tracer.startActiveSpan('the caller', async () => stage.search({ query: 'stars' }));
    expect(spans.map(({ name, parent }) => [name, parent])).toEqual([
      ['the caller', undefined],
      ['blockrank.search', 'the caller'],
      ['blockrank.first-stage', 'blockrank.search'],
      ['blockrank.rerank', 'blockrank.search'],
    ]);
    expect(spans[3]?.attributes).toMatchObject({ 'blockrank.reranker': 'fake', 'blockrank.candidates': 2 });
    expect(spans.slice(1).every(({ isEnded }) => isEnded)).toBe(true);
  });

  it('marks what failed', async () => {
    const { tracer, spans } = recordingTracer();
    const tracing = openTelemetryStageTracing(tracer);
    await rescoringStage({ adapter: memoryAdapter(hits), reranker: failing(), tracing }).search({
      query: 'stars',
    });
    const rerank = spans.find(({ name }) => name === 'blockrank.rerank');
    expect(rerank).toMatchObject({ status: SpanStatusCode.ERROR, exception: 'broken', isEnded: true });
    expect(spans.find(({ name }) => name === 'blockrank.search')?.status).toBeUndefined();
  });
});

interface RecordedSpan {
  readonly name: string;
  readonly parent: string | undefined;
  readonly attributes: Record<string, unknown>;
  status?: SpanStatusCode;
  exception?: string;
  isEnded: boolean;
}

/** The part of an OpenTelemetry SDK that the test needs: who is whose child. */
function recordingTracer(): { readonly tracer: Tracer; readonly spans: readonly RecordedSpan[] } {
  const spans: RecordedSpan[] = [];
  const owners = new Map<Span, RecordedSpan>();
  const startSpan: Tracer['startSpan'] = (name, options = {}, parentContext = context.active()) => {
    const parent = trace.getSpan(parentContext);
    const record: RecordedSpan = {
      name,
      parent: parent && owners.get(parent)?.name,
      attributes: { ...options.attributes },
      isEnded: false,
    };
    const span = {
      setAttributes: (attributes: object) => void Object.assign(record.attributes, attributes),
      recordException: (error: Error) => {
        record.exception = error.message;
      },
      setStatus: ({ code }: { code: SpanStatusCode }) => {
        record.status = code;
      },
      end: () => {
        record.isEnded = true;
      },
    } as unknown as Span;
    owners.set(span, record);
    spans.push(record);
    return span;
  };
  const startActiveSpan = (name: string, ...rest: readonly unknown[]): unknown => {
    const run = rest.at(-1) as (span: Span) => unknown;
    const span = startSpan(name, rest.length > 1 ? (rest[0] as object) : {});
    return context.with(trace.setSpan(context.active(), span), () => run(span));
  };
  return { tracer: { startSpan, startActiveSpan } as Tracer, spans };
}

/** A context manager over AsyncLocalStorage, as the Node SDK registers one. */
function asyncContexts(): ContextManager {
  const storage = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => storage.getStore() ?? ROOT_CONTEXT,
    with: (active, run, self, ...rest) => storage.run(active, () => run.apply(self as never, rest)),
    bind: (_active, target) => target,
    enable: () => manager,
    disable: () => manager,
  };
  return manager;
}
