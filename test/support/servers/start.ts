/** Starts real search servers from Maven packages; the scripts beside this file do the work. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** A server that the tests know. */
export interface ServerChoice {
  /** Which product. */
  readonly product: 'opensearch' | 'elasticsearch';
  /** Exact version; other versions are not published completely. */
  readonly version: string;
  /** Java versions that run it, both inclusive. */
  readonly java: readonly [number, number];
}

/** A running server. */
export interface RunningServer {
  /** Address of the server, on 127.0.0.1. */
  readonly url: string;
  /** Ends the server. */
  close(): Promise<void>;
}

/** Every server that adapters are tested on. */
export const servers: readonly ServerChoice[] = [
  { product: 'opensearch', version: '3.6.0', java: [21, 99] },
  { product: 'opensearch', version: '2.19.6', java: [11, 23] },
  { product: 'elasticsearch', version: '9.5.3', java: [21, 99] },
  { product: 'elasticsearch', version: '8.19.21', java: [17, 99] },
];

/** Servers that can be started with `security`. */
export const securedServers: readonly ServerChoice[] = [
  { product: 'elasticsearch', version: '9.5.3', java: [21, 99] },
  // The newest one whose security plugin is published together with all that it needs.
  { product: 'opensearch', version: '2.19.1', java: [11, 23] },
];

/**
 * Whether this is the newest version of its product: tests that take minutes run in full length on the newest versions
 * alone.
 */
export function isNewest({ product, version }: ServerChoice): boolean {
  return servers.find((one) => one.product === product)?.version === version;
}

const folder = fileURLToPath(new URL('.', import.meta.url));
const serversFolder =
  process.env['SERVERS_DIR'] ?? fileURLToPath(new URL('../../../.servers', import.meta.url));
const run = promisify(execFile);

/** The reason why a server cannot run here; `undefined` when it can. */
export function missingFor({ java: [least, most] }: ServerChoice): string | undefined {
  if (process.platform !== 'linux') return `the scripts need Linux, this is ${process.platform}`;
  for (const command of ['mvn', 'curl', 'setpriv']) {
    if (spawnSync('which', [command]).status !== 0) return `"${command}" is not installed`;
  }
  const found = javaVersions();
  if (found.some((version) => version >= least && version <= most)) return undefined;
  return `no JDK from ${least} to ${most} is installed (found: ${found.join(', ') || 'none'})`;
}

/** Options of {@link startServer}. */
export interface StartOptions {
  /**
   * Whether OpenSearch comes with neural-search and ML Commons, 390 MB more to download. @defaultValue the variable
   * `OPENSEARCH_ML`
   */
  readonly ml?: boolean;
  /**
   * Whether it knows users and roles, and may hide documents and fields; {@link admin} may do all. For {@link
   * securedServers}. @defaultValue false
   */
  readonly security?: boolean;
}

/** Who may do all on a server with `security`. */
export const admin = { username: 'admin', password: 'secret-of-tests' } as const;

/** Downloads a server with security, unless it was downloaded before. */
export async function fetchSecured(choice: ServerChoice): Promise<void> {
  await run(scriptOf(choice), ['fetch'], { env: environmentOf(choice, { ml: false, security: true }) });
}

/** Downloads a server, and on OpenSearch ML Commons too, unless it was downloaded before. */
export async function fetchServer(choice: ServerChoice): Promise<void> {
  for (const ml of choice.product === 'opensearch' ? [true, false] : [false])
    await run(scriptOf(choice), ['fetch'], { env: environmentOf(choice, { ml }) });
}

/** Starts a server with empty data on a free port. The first start of a version downloads it. */
export async function startServer(choice: ServerChoice, options: StartOptions = {}): Promise<RunningServer> {
  const script = scriptOf(choice);
  const port = String(await freePort());
  const env = { ...environmentOf(choice, options), [`${choice.product.toUpperCase()}_PORT`]: port };
  const { stdout } = await run(script, ['up'], { env });
  return {
    url: stdout.trim().split('\n').at(-1)!,
    close: async () => {
      await run(script, ['down'], { env });
    },
  };
}

function scriptOf({ product }: ServerChoice): string {
  return join(folder, `${product}-up.sh`);
}

function environmentOf(
  { product, version }: ServerChoice,
  { ml, security = false }: StartOptions,
): NodeJS.ProcessEnv {
  return {
    ...process.env,
    SERVERS_DIR: serversFolder,
    [`${product.toUpperCase()}_VERSION`]: version,
    ...(ml !== undefined && { OPENSEARCH_ML: ml ? '1' : '0' }),
    [`${product.toUpperCase()}_SECURITY`]: security ? '1' : '0',
  };
}

/** Major versions of the JDKs that the scripts look at. */
function javaVersions(): number[] {
  const home = process.env['JVM_DIR'] ?? '/usr/lib/jvm';
  const homes = existsSync(home) ? readdirSync(home).map((name) => join(home, name)) : [];
  return [process.env['JAVA_HOME'] ?? '', ...homes].flatMap((each) => {
    const java = join(each, 'bin', 'java');
    if (each === '' || !existsSync(java)) return [];
    const { stderr } = spawnSync(java, ['-version'], { encoding: 'utf8' });
    const major = /version "(\d+)/.exec(stderr)?.[1];
    return major ? [Number(major)] : [];
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}
