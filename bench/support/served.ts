/** The service in a process of its own, so that whoever asks takes no time from it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { percentile } from './measure.ts';
import { passages, question } from './texts.ts';

/** A running service. */
export interface Served {
  /** Where it listens. */
  readonly url: string;
  /** Bytes of memory that it has at the moment. */
  residentBytes(): number;
  /** Ends it. */
  close(): Promise<void>;
}

/** Starts `blockrank serve` with the shipped model. @param service - The section `service`. */
export async function served(service: object, reranker: object = {}): Promise<Served> {
  const file = join(await mkdtemp(join(tmpdir(), 'blockrank-bench-')), 'blockrank.config.yaml');
  await writeFile(file, JSON.stringify({ reranker, service: { port: 0, ...service } }));
  const program = fileURLToPath(new URL('../../plugin/cli/main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', program, 'serve', '--config', file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return {
    url: await readyUrl(child),
    residentBytes: () => residentBytes(child.pid!),
    close: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

function readyUrl(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`served: the service ended with code ${code}`)));
    const lines = createInterface({ input: child.stdout! }).on('line', (line) => {
      const { msg, url } = JSON.parse(line) as { msg: string; url?: string };
      if (msg !== 'ready') return;
      resolve(url!);
      // Whoever asks has better to do than to read a line a request.
      lines.close();
      child.stdout!.resume();
    });
  });
}

/** As the kernel counts them (Linux alone). */
function residentBytes(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** What one run of load gave. */
export interface LoadResult {
  readonly connections: number;
  readonly answeredPerSecond: number;
  /** Of accepted requests, in milliseconds. */
  readonly p50Ms: number;
  /** Of accepted requests, in milliseconds. */
  readonly p99Ms: number;
  /** Of refused requests, in milliseconds; null where there was none. */
  readonly refusedP99Ms: number | null;
  /** Answers by status. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests without an answer. */
  readonly errors: number;
}

/** How {@link load} asks. */
export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Of each request. */
  readonly documents: number;
  /** How many of these nobody has asked of before. @defaultValue 0 */
  readonly newDocuments?: number;
}

/** Of all loads of this process: a service remembers what it was asked. */
let questions = 0;

/** Asks from this many connections for some seconds; every question is another one. */
export async function load(
  { url }: Served,
  { connections, seconds, documents, newDocuments = 0 }: LoadOptions,
): Promise<LoadResult> {
  const { texts } = passages(documents);
  const started = Date.now();
  const accepted: number[] = [];
  const refused: number[] = [];
  const options: autocannon.Options = {
    url: `${url}/v1/rerank`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    connections,
    duration: seconds,
    timeout: 60,
    requests: [
      {
        setupRequest: (request) => {
          questions += 1;
          const query = `${question(questions)} ${questions}`;
          const asked = texts.map((text, i) => (i < newDocuments ? `${started} ${questions} ${text}` : text));
          return { ...request, body: JSON.stringify({ query, documents: asked }) };
        },
      },
    ],
  };
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const run = autocannon(options, (error, done) => (error ? reject(error) : resolve(done)));
    run.on('response', (_client, status, _bytes, ms) => {
      (status === 200 ? accepted : refused).push(ms);
    });
  });
  return {
    connections,
    answeredPerSecond: accepted.length / result.duration,
    p50Ms: percentile(accepted, 0.5),
    p99Ms: percentile(accepted, 0.99),
    refusedP99Ms: refused.length > 0 ? percentile(refused, 0.99) : null,
    statuses: Object.fromEntries(
      Object.entries(result.statusCodeStats ?? {}).map(([status, { count = 0 }]) => [status, count]),
    ),
    errors: result.errors + result.timeouts,
  };
}
