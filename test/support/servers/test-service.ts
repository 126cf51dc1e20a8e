/** A reranking service on a free port, for tests. */
import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { type Logger, pino } from 'pino';
import type { Reranker } from '../../../engine/index.ts';
import type { ServiceConfig } from '../../../plugin/config/index.ts';
import {
  type RerankService,
  type RerankServiceOptions,
  rerankService,
} from '../../../plugin/service/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../closed-after-each.ts';

/** Options of a test's service. */
export interface TestServiceOptions {
  /** Settings of the service. @defaultValue `{}` */
  readonly config?: ServiceConfig;
  /** The reranker. @defaultValue a fake */
  readonly reranker?: Reranker;
  /** Models in place of one named `blockrank`. */
  readonly models?: readonly { name: string; reranker: Reranker; aliases?: readonly string[] }[];
  /** Further options of the service. */
  readonly options?: RerankServiceOptions;
}

/** A running service with a log that can be read. */
export interface TestService {
  readonly service: RerankService;
  /** Address of the service. */
  readonly url: string;
  /** Log lines so far. */
  readonly lines: readonly string[];
  /** Sends JSON. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ServiceReply>;
  /** The value of a metric with these labels; 0 where it was never set. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  close(): Promise<void>;
}

/** An answer of the service. */
export interface ServiceReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look at answers of many shapes.
  readonly json: any;
}

/** Starts a service. */
export async function testService(given: TestServiceOptions = {}): Promise<TestService> {
  const { config = {}, reranker = fakeReranker() } = given;
  const { logger, lines } = memoryLogger(config.log?.level);
  const listening: ServiceConfig = { ...config, port: 0 };
  const service = await rerankService({ config: listening, logger, ...given.options });
  service.serve({ config, models: given.models ?? [{ name: 'blockrank', reranker }] });
  return {
    service,
    url: service.url,
    lines,
    post: (path, body, headers = {}) => postJson(`${service.url}${path}`, body, headers),
    metric: async (name, labels = {}) => {
      const metric = service.metrics.registry.getSingleMetric(`blockrank_service_${name}`);
      const { values } = (await metric!.get()) as {
        values: readonly { value: number; labels: Record<string, string> }[];
      };
      return values
        .filter((one) => Object.entries(labels).every(([key, value]) => String(one.labels[key]) === value))
        .reduce((sum, { value }) => sum + value, 0);
    },
    close: () => service.close(),
  };
}

/** Gives a function that starts services, each closed after the test that started it. */
export function serviceStarter(): (options?: TestServiceOptions) => Promise<TestService> {
  const kept = closedAfterEach();
  return async (options) => kept(await testService(options));
}

/** Sends a body: text as it is, anything else as JSON. */
export async function postJson(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<ServiceReply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: text === '' ? undefined : JSON.parse(text),
  };
}

/** A logger whose lines stay in memory. */
export function memoryLogger(level = 'info'): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { logger: pino({ level }, stream), lines };
}

/** A recorded request of a search server. */
export function recordedRequest(name: string): string {
  return readFileSync(new URL(`../../fixtures/rerank-requests/${name}.json`, import.meta.url), 'utf8');
}
