/** A real Redis on a free port, for tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';

const program = '/usr/bin/redis-server';

/** The reason why no Redis can be started; `undefined` where one can. */
export const redisMissing: string | undefined = existsSync(program)
  ? undefined
  : `${program} is not installed (Debian package redis-server)`;

/** A server of this test alone, in memory. */
export interface RunningRedis {
  /** Its address. */
  readonly url: string;
  /** Opens a client, which the test closes; its failures are not printed. */
  connect(): Redis;
  /** Stops answering while its connections stay open. */
  freeze(): void;
  /** Lets the server answer again. */
  thaw(): void;
  /** Ends the server at once. */
  stop(): Promise<void>;
  /** Starts the server again on the same port, empty. */
  restart(): Promise<void>;
}

/** Starts a server. @param settings - Further settings, as `['--maxmemory', '4mb']`. */
export async function startRedis(settings: readonly string[] = []): Promise<RunningRedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const start = (): Promise<ChildProcess> => startProgram(port, settings);
  let child = await start();
  return {
    url,
    connect() {
      const client = new Redis(url, { maxRetriesPerRequest: 1, retryStrategy: () => 50 });
      client.on('error', () => undefined);
      return client;
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: () => end(child),
    async restart() {
      await end(child);
      child = await start();
    },
  };
}

async function startProgram(port: number, settings: readonly string[]): Promise<ChildProcess> {
  const quiet = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = spawn(program, ['--port', String(port), ...quiet, ...settings]);
  await new Promise<void>((resolve, reject) => {
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      log += part;
      if (log.includes('Ready to accept connections')) resolve();
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`redis-server ended with ${code}: ${log}`)));
  });
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
