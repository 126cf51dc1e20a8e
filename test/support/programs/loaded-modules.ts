/** Lists the modules that a program has loaded, as V8 reports them at the program's end. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCli } from './run-cli.ts';

export interface LoadedModules {
  /** Exit code of the program. */
  readonly code: number | null;
  /** Modules of this project that its main thread loaded, e.g. `plugin/cli/main`. */
  readonly own: readonly string[];
  /** Packages that any of its threads loaded, without those that run sources. */
  readonly packages: readonly string[];
}

const root = new URL('../../../', import.meta.url).href;
/** Packages that run the program from its sources, where the tests run it so. */
const runners: readonly string[] = ['tsx', 'esbuild', '@esbuild', 'get-tsconfig', 'resolve-pkg-maps'];

/** Runs the program, whether built or from sources. */
export async function loadedModules(args: readonly string[]): Promise<LoadedModules> {
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-modules-'));
  try {
    const { code } = await runCli(args, { env: { NODE_V8_COVERAGE: folder } });
    const threads = await Promise.all((await readdir(folder)).map((file) => urlsOf(join(folder, file))));
    const main = threads.find((urls) => urls.some((url) => /\/plugin\/cli\/main\.[jt]s$/.test(url))) ?? [];
    return { code, own: main.flatMap(ownName), packages: [...new Set(threads.flat().flatMap(packageName))] };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function urlsOf(file: string): Promise<string[]> {
  const { result } = JSON.parse(await readFile(file, 'utf8')) as { result: readonly { url: string }[] };
  return result.map(({ url }) => url.replace(/[?#].*$/, ''));
}

function ownName(url: string): string[] {
  const inside = url.startsWith(root) ? fileURLToPath(url).slice(fileURLToPath(root).length) : '';
  const name = /^(?:dist\/|\.cache\/programs\/[^/]+\/)?((?:plugin|engine|adapters)\/.*)\.[jt]s$/.exec(
    inside,
  )?.[1];
  return name === undefined ? [] : [name];
}

function packageName(url: string): string[] {
  const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  return name === undefined || runners.some((runner) => name.startsWith(runner)) ? [] : [name];
}
