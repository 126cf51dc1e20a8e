/** What a service writes down of what it does: logs, metrics and traces. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { describe, expect, it } from 'vitest';
import { DeadlineExceededError } from '../../../engine/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { gatedReranker } from '../../support/doubles/gated-reranker.ts';
import { memoryLogger, serviceStarter } from '../../support/servers/test-service.ts';

const start = serviceStarter();

const ask = (text = 'dogs'): object => ({ query: 'dogs', documents: [text, 'cats'] });

describe('what is written down', () => {
  it('is one line a request, without texts unless they are asked for', async () => {
    const quiet = await start();
    await quiet.post('/v1/rerank', { query: 'secret question', documents: ['secret document'] });
    expect(quiet.lines.join('')).not.toContain('secret');
    expect(quiet.lines.filter((one) => one.includes('reqId'))).toHaveLength(1);
    const line = JSON.parse(quiet.lines.find((one) => one.includes('"ranked"'))!) as Record<string, unknown>;
    expect(line).toMatchObject({ tenant: 'anonymous', model: 'blockrank', cache: 'miss', documents: 1 });
    const telling = await start({ config: { log: { texts: true } } });
    await telling.post('/v1/rerank', { query: 'secret question', documents: ['secret document'] });
    expect(telling.lines.join('')).toContain('secret question');
    expect(telling.lines.join('')).toContain('secret document');
    const { rerankService } = await import('../../../plugin/service/index.ts');
    const silent = await rerankService({ config: { port: 0, log: { level: 'silent' } } });
    expect(silent.logger.level).toBe('silent');
    await silent.close();
  });

  it('continues the caller’s id and trace', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const { post } = await start({ options: { tracer: provider.getTracer('test') } });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const { headers } = await post('/v1/rerank', ask(), { traceparent, 'x-request-id': 'search-42' });
    expect(headers.get('x-request-id')).toBe('search-42');
    const [span] = exporter.getFinishedSpans();
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(span?.attributes).toMatchObject({ 'blockrank.model': 'blockrank', 'http.route': '/v1/rerank' });
    await provider.shutdown();
    propagation.disable();
  });

  it('marks what failed on the trace without what the reranker said, and holds what it did under it', async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
    provider.register();
    const tracer = provider.getTracer('test');
    const reranker = fakeReranker({
      fault: (call) => {
        tracer.startSpan('inside').end();
        if (call > 1) throw new Error('cannot read "the secret of the shop"');
      },
    });
    const { post } = await start({ reranker, options: { tracer } });
    await post('/v1/rerank', ask('1'));
    await post('/v1/rerank', ask('2'));
    const [inside, answered, , failed] = exporter.getFinishedSpans();
    expect(inside!.parentSpanContext?.spanId).toBe(answered!.spanContext().spanId);
    expect([answered!.kind, answered!.status.code]).toEqual([SpanKind.SERVER, SpanStatusCode.UNSET]);
    expect(failed!.status.code).toBe(SpanStatusCode.ERROR);
    expect(JSON.stringify([failed!.status, failed!.attributes, failed!.events])).not.toContain('secret');
    await provider.shutdown();
    trace.disable();
    context.disable();
    propagation.disable();
  });

  it('takes no id that would break a line', async () => {
    const { post } = await start();
    for (const given of ['a b', '{"a":1}', 'x'.repeat(129)]) {
      expect(
        (await post('/v1/rerank', ask(), { 'x-request-id': given })).headers.get('x-request-id'),
      ).toMatch(/^[\da-f-]{36}$/);
    }
  });

  it('says of every request that is refused or fails what kind of fault it was', async () => {
    const failing = fakeReranker({
      fault: () => {
        throw new Error('gone');
      },
    });
    const { post, lines } = await start({ config: { maxDocuments: 2 }, reranker: failing });
    await post('/v1/rerank', { query: 'dogs', documents: ['1', '2', '3'] });
    await post('/v1/rerank', ask());
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(told.find(({ msg }) => msg === 'refused')).toMatchObject({
      level: 30,
      kind: 'too-many-documents',
      status: 400,
      tenant: 'anonymous',
    });
    expect(told.find(({ msg }) => msg === 'ranking failed')).toMatchObject({
      level: 50,
      kind: 'backend',
      status: 500,
      cause: { name: 'Error', frames: expect.arrayContaining([expect.stringContaining(' at ')]) },
    });
  });

  it('says of a crowd that is refused how many there were, not the same of each', async () => {
    const { reranker, gates, waitFor } = gatedReranker();
    const { post, lines, metric } = await start({ config: { maxConcurrent: 1, maxQueue: 0 }, reranker });
    const running = post('/v1/rerank', ask());
    await waitFor(1);
    const crowd = await Promise.all(Array.from({ length: 40 }, (_, i) => post('/v1/rerank', ask(`${i}`))));
    expect(new Set(crowd.map(({ status }) => status))).toEqual(new Set([503]));
    expect(await metric('shed_total', { reason: 'queue-full' })).toBe(40);
    const told = lines.filter((line) => line.includes('"overloaded"'));
    expect(told.length).toBeGreaterThanOrEqual(1);
    expect(told.length).toBeLessThan(40);
    gates[0]!();
    expect((await running).status).toBe(200);
  });

  it('holds rankings as User Behavior Insights has them, on request', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'blockrank-log-')), 'queries.jsonl');
    const running = await start({ config: { queryLog: file }, options: { config: { queryLog: file } } });
    await running.post(
      '/blockrank/rerank',
      {
        query: 'dogs',
        documents: [
          { id: 'a', text: 'cats' },
          { id: 'b', text: 'dogs' },
        ],
      },
      { 'x-query-id': 'q-7', 'x-request-id': 'r-7' },
    );
    await running.close();
    const line = JSON.parse((await readFile(file, 'utf8')).trim()) as Record<string, unknown>;
    expect(line).toMatchObject({
      query_id: 'q-7',
      user_query: 'dogs',
      query_response_id: 'r-7',
      query_response_hit_ids: ['b', 'a'],
      client_id: 'anonymous',
      application: 'blockrank',
      object_id_field: '_id',
    });
    expect(Date.parse(String(line['timestamp']))).not.toBeNaN();
  });

  it('goes behind the rankings that the file holds already, and ends nothing when it cannot be written', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'blockrank-log-'));
    const file = join(folder, 'queries.jsonl');
    for (const text of ['1', '2']) {
      const running = await start({ options: { config: { queryLog: file, port: 0 } } });
      await running.post('/v1/rerank', ask(text));
      await running.close();
    }
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { user_query: string }).user_query)).toEqual([
      'dogs',
      'dogs',
    ]);
    const queryLog = join(folder, 'nowhere', 'queries.jsonl');
    const logger = memoryLogger();
    const lost = await start({ options: { config: { queryLog, port: 0 }, logger: logger.logger } });
    while (!logger.lines.join('').includes('cannot write the query log')) await sleep(1);
    expect((await lost.post('/v1/rerank', ask())).status).toBe(200);
  });

  it('is all in the file of rankings when the service has ended', async () => {
    const pipe = join(await mkdtemp(join(tmpdir(), 'blockrank-log-')), 'queries.pipe');
    execFileSync('mkfifo', [pipe]); // takes nothing before somebody reads
    const running = await start({ options: { config: { queryLog: pipe, port: 0 } } });
    await running.post('/v1/rerank', ask());
    let hasEnded = false;
    const ended = running.close().then(() => {
      hasEnded = true;
    });
    await sleep(300);
    expect(hasEnded).toBe(false);
    expect(JSON.parse(await readFile(pipe, 'utf8'))).toMatchObject({ user_query: 'dogs' });
    await ended;
  });

  it('counts what was served', async () => {
    const { post, metric, url } = await start();
    await post('/v1/rerank', ask());
    await post('/v1/rerank', { query: 1 });
    expect(await metric('requests_total', { form: 'union', model: 'blockrank', status: '200' })).toBe(1);
    expect(await metric('requests_total', { form: 'union', status: '400' })).toBe(1);
    expect(await metric('documents_total')).toBe(2);
    expect(await metric('tokens_total', { model: 'blockrank' })).toBe(3);
    expect(await metric('states_total', { result: 'encoded' })).toBe(2);
    expect(await metric('ready')).toBe(1);
    expect(await metric('config_generation')).toBe(1);
    const page = await (await fetch(`${url}/metrics`)).text();
    expect(page).toContain('blockrank_service_queue_wait_seconds');
    expect(page).toContain('process_resident_memory_bytes');
  });

  it('counts a request in seconds, whatever became of it', async () => {
    const usage = { tokens: 9, truncatedTokens: 5, statesFound: 4, statesEncoded: 1 };
    const slow = fakeReranker({ delayMs: 100, answer: (ranking) => ({ ...ranking, usage }) });
    const { post, metric, url, service } = await start({ reranker: slow });
    await post('/v1/rerank', ask());
    const { values } = await service.metrics.duration.get();
    const sum = values.find(({ metricName }) => metricName?.endsWith('_sum'))!.value;
    expect(sum).toBeGreaterThan(0.09);
    expect(sum).toBeLessThan(60);
    expect(await metric('truncated_tokens_total')).toBe(5);
    expect(await metric('states_total', { result: 'found' })).toBe(4);
    const leaving = new AbortController();
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify(ask('another'));
    const gone = fetch(`${url}/v1/rerank`, { method: 'POST', headers, body, signal: leaving.signal });
    while ((await metric('in_flight')) < 1) await sleep(1);
    leaving.abort();
    await expect(gone).rejects.toThrow();
    while ((await metric('requests_total', { status: '499' })) < 1) await sleep(1);
    expect(await metric('requests_total', { status: '200' })).toBe(1);
  });

  it('tells a deadline of the reranker from its failure', async () => {
    const fault = (): never => {
      throw new DeadlineExceededError({ deadlineMs: 1, elapsedMs: 2, phase: 'rerank' });
    };
    const { post } = await start({ reranker: fakeReranker({ fault }) });
    expect((await post('/v1/rerank', ask())).status).toBe(503);
  });
});
