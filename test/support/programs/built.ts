/**
 * The sources as plain JavaScript, for the processes and threads that tests start: Node runs it directly, where a
 * compiler in front would take seconds of processor time at each start. Types are stripped, not checked: `npm run
 * check` does that.
 *
 * Each text is emitted once, into .cache/programs/emitted; a folder of links to emitted files stands for one state of
 * all sources, so that several runs of tests, and edits between them, do not disturb each other.
 */
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type typescript from 'typescript';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const cache = join(root, '.cache', 'programs');
const emittedFolder = join(cache, 'emitted');
/** Folders of TypeScript that programs of the tests consist of. */
const sourceFolders = ['engine', 'adapters', 'plugin', 'examples', 'scripts', 'test/support'];
/** Files and folders that programs read relative to themselves. */
const neighbours = ['package.json', 'models', 'test/fixtures'];
/** Age at which unused files are removed, in milliseconds. */
const keptMs = 24 * 60 * 60 * 1000;

/** A source by its path from the repository, and the digest of its text. */
interface Source {
  readonly path: string;
  readonly text: string;
  readonly digest: string;
}

/** The JavaScript of a source, by its path from the repository; builds every missing file. */
export function builtProgram(path: string): string {
  return join(buildPrograms(), toJavaScript(path));
}

/** The URL of {@link builtProgram}. */
export function builtUrl(path: string): URL {
  return pathToFileURL(builtProgram(path));
}

let folder: string | undefined;

/** The folder of all built sources, as they were at this process's first call. */
export function buildPrograms(): string {
  folder ??= build();
  return folder;
}

/** Removes files that were built for old sources. */
export function prunePrograms(): void {
  for (const parent of [cache, emittedFolder].filter((one) => existsSync(one)))
    for (const name of readdirSync(parent)) {
      const path = join(parent, name);
      // A parallel run may remove the file first.
      const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (path !== emittedFolder && age > keptMs) rmSync(path, { recursive: true, force: true });
    }
}

function build(): string {
  const sources = readSources();
  const all = createHash('sha256').update(sources.map(({ path, digest }) => `${path} ${digest}\n`).join(''));
  const target = join(cache, all.digest('hex').slice(0, 16));
  if (existsSync(target)) {
    utimesSync(target, new Date(), new Date());
    return target;
  }
  const unfinished = join(cache, `unfinished-${randomUUID()}`);
  for (const source of sources) {
    const path = join(unfinished, toJavaScript(source.path));
    mkdirSync(dirname(path), { recursive: true });
    linkSync(emitted(source), path);
  }
  for (const name of neighbours) symlinkSync(join(root, name), join(unfinished, name));
  try {
    renameSync(unfinished, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
    rmSync(unfinished, { recursive: true }); // another process was faster
  }
  return target;
}

function readSources(): Source[] {
  // The emitted text depends on this file too.
  const own = readFileSync(fileURLToPath(import.meta.url));
  return sourceFolders
    .flatMap((name) =>
      readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => join(name, file)),
    )
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .concat('index.ts')
    .sort()
    .map((path) => {
      const text = readFileSync(join(root, path), 'utf8');
      return { path, text, digest: createHash('sha256').update(own).update(text).digest('hex') };
    });
}

/** The path of a text's JavaScript; renews its time, for `prunePrograms`. */
function emitted({ path, text, digest }: Source): string {
  const target = join(emittedFolder, `${digest}.js`);
  if (existsSync(target)) {
    utimesSync(target, new Date(), new Date());
    return target;
  }
  mkdirSync(emittedFolder, { recursive: true });
  const unfinished = `${target}.${randomUUID()}`;
  writeFileSync(unfinished, transpile(path, text));
  renameSync(unfinished, target);
  return target;
}

function transpile(fileName: string, text: string): string {
  // Loaded only when a text must be emitted, because loading takes a third of a second.
  const ts = createRequire(import.meta.url)('typescript') as typeof typescript;
  const compilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
    rewriteRelativeImportExtensions: true,
  };
  return ts.transpileModule(text, { fileName, compilerOptions }).outputText;
}

function toJavaScript(path: string): string {
  return path.replace(/\.ts$/, '.js');
}
