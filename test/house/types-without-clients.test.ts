import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { exports: doors } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>;
};
const entryPoints = Object.keys(doors)
  .filter((door) => !door.endsWith('.json'))
  .map((door) => door.replace('.', 'blockrank'));

let folder: string;
let modules: string;

/** The declarations as `npm pack` would carry them, beside everything that is installed here but the optional peers. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'blockrank-types-'));
  modules = join(folder, 'node_modules');
  const own = join(modules, 'blockrank');
  mkdirSync(own, { recursive: true });
  cpSync(join(root, 'package.json'), join(own, 'package.json'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  const peers = ['.bin', 'blockrank', '@elastic', '@opensearch-project', 'ioredis', 'elasticsearch-8'];
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!peers.includes(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  const { options, fileNames } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.build.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  );
  for (const file of fileNames.filter((name) => !name.endsWith('.d.ts'))) {
    const declaration = join(own, 'dist', relative(root, file).replace(/\.ts$/, '.d.ts'));
    mkdirSync(dirname(declaration), { recursive: true });
    // Every export says its type (isolatedDeclarations), so that files need no checking to be declared.
    const text = readFileSync(file, 'utf8');
    const { outputText } = ts.transpileDeclaration(text, { compilerOptions: options, fileName: file });
    writeFileSync(declaration, outputText);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Files are read once for all programs. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of a program, in the strictest way: declarations of packages are checked, too. */
function complaints(program: string): string[] {
  const file = join(folder, 'app.ts');
  writeFileSync(file, program);
  const options: ts.CompilerOptions = {
    noEmit: true,
    strict: true,
    skipLibCheck: false,
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
  };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile;
  host.getSourceFile = (name, ...rest) => {
    if (name === file) return read(name, ...rest);
    const known = parsed.get(name) ?? read(name, ...rest);
    parsed.set(name, known);
    return known;
  };
  const compiled = ts.createProgram([file], options, host);
  // What other packages' own declarations leave open is not ours.
  const own = compiled
    .getSourceFiles()
    .filter(({ fileName }) => fileName === file || fileName.includes('node_modules/blockrank/'));
  return own
    .flatMap((source) => [
      ...compiled.getSyntacticDiagnostics(source),
      ...compiled.getSemanticDiagnostics(source),
    ])
    .map((one) => `${one.file?.fileName ?? ''}: ${ts.flattenDiagnosticMessageText(one.messageText, ' ')}`);
}

function install(...names: readonly string[]): void {
  for (const name of ['@elastic', '@opensearch-project', 'ioredis']) {
    rmSync(join(modules, name), { recursive: true, force: true });
  }
  for (const name of names) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
}

const elasticsearch = '@elastic/elasticsearch';
const opensearch = '@opensearch-project/opensearch';
const everyDoor = entryPoints.map((door, i) => `export * as door${i} from '${door}';\n`).join('');

describe('the declarations of every entry point', () => {
  it.each([
    ['no optional package', []],
    ["Elasticsearch's client alone", [elasticsearch]],
    ["OpenSearch's client alone", [opensearch]],
    ['every optional package', [elasticsearch, opensearch, 'ioredis']],
  ])('compile with %s installed', (_what, installed) => {
    install(...installed);
    expect(entryPoints).toContain('blockrank/middleware');
    expect(complaints(everyDoor)).toEqual([]);
  });

  it('know the types of a client that is installed', () => {
    install(elasticsearch);
    const program = (key: string): string => `
      import type { ElasticsearchRequest } from 'blockrank/elasticsearch';
      export const request: ElasticsearchRequest = { index: 'articles', ${key}: 10 };
    `;
    expect(complaints(program('size'))).toEqual([]);
    expect(complaints(program('sizes'))).toEqual([expect.stringContaining("'sizes'")]);
  });
});
