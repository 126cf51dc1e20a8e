import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../support/programs/run-cli.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'models/default/README.md',
  'docs/labels.md',
  'docs/cost.md',
  'docs/long-documents.md',
  'docs/service.md',
  'docs/opensearch.md',
  'docs/proxy.md',
  'docs/gpu.md',
  'docs/scale.md',
  'docs/states.md',
  'deploy/README.md',
  'deploy/helm/blockrank/README.md',
];
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
};

const fence = /^ *```\w*\n([\s\S]*?)^ *```$/gm;
const codeSpan = /(?<!`)`([^`]+)`(?!`)/g;

/** A text without its blocks of code. */
const prose = (text: string): string => text.replace(fence, '');
const codeSpans = (text: string): string[] =>
  [...prose(text).matchAll(codeSpan)].map(([, code]) => code!.replace(/\s+/g, ' '));
/** What a reader may type: every line of a block of code, every piece of code in a line. */
const codeLines = (text: string): string[] => [
  ...[...text.matchAll(fence)].flatMap(([, block]) => block!.split('\n')),
  ...codeSpans(text),
];

/** A heading's anchor, as GitHub makes it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
const anchorsOf = (text: string): string[] =>
  [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));

/** Targets of links inside the repository that are not there. */
function brokenLinks(path: string, text: string): string[] {
  const withoutCode = prose(text).replace(codeSpan, '');
  const inline = [...withoutCode.matchAll(/\]\(\s*<?([^\s)>]+)>?[^)]*\)/g)];
  const named = [...withoutCode.matchAll(/^ *\[[^\]]+\]: *(\S+)/gm)];
  const targets = [...inline, ...named].map(([, target]) => target!);
  return targets.filter((target) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const place = file === '' ? path : relative(root, join(root, dirname(path), decodeURI(file)));
    if (!existsSync(join(root, place))) return true;
    return anchor !== undefined && !anchorsOf(place === path ? text : read(place)).includes(anchor);
  });
}

/**
 * Paths that are not there: a name in backticks with a folder's slash at its end or the ending of a source file.
 * They start at the root, beside the document, or in the folder that the last bold name opened (`**engine/**`).
 */
function missingPaths(path: string, text: string): string[] {
  const isPath = /^(?:\.?[\w-]+[\w.-]*\/)*(?:\.?[\w-][\w.-]*\/|[\w-][\w.-]*\.(?:ts|mjs|js|json|md|yaml))$/;
  let opened = '.';
  return [...prose(text).matchAll(/\*\*([\w/-]+\/)\*\*|(?<!`)`([^`]+)`(?!`)/g)].flatMap(
    ([, folder, code]) => {
      opened = folder ?? opened;
      const name = folder ?? code!;
      const places = folder ? [folder] : [name, join(dirname(path), name), join(opened, name)];
      return !isPath.test(name) || places.some((place) => existsSync(join(root, place))) ? [] : [name];
    },
  );
}

/** Scripts and doors of the package that are named and that its manifest lacks. */
function missingInManifest(text: string): string[] {
  return codeLines(text).flatMap((line) => {
    const scripts = [...line.matchAll(/\bnpm (?:run (?:-s )?|(?=test\b|start\b))([\w:-]+)/g)].filter(
      ([, name]) => !(name! in manifest.scripts),
    );
    const doors = [...line.matchAll(/(?:^|['"])blockrank(\/[\w-]+)(?:$|['"])/g)].filter(
      ([, door]) => !(`.${door}` in manifest.exports),
    );
    return [...scripts, ...doors].map(([whole]) => whole.replaceAll(/['"]/g, ''));
  });
}

/**
 * Commands of `blockrank` and their options that its help does not name. `helps` is by command, with the command of a
 * group behind it; `''` for all.
 */
function unknownCommands(text: string, helps: ReadonlyMap<string, string>): string[] {
  return codeLines(text).flatMap((line) => {
    const [, words] = /^\s*(?:\$ )?(?:npx )?blockrank +([a-z-].*)$/.exec(line) ?? [];
    if (words === undefined) return [];
    const bare = words.replace(/"[^"]*"|'[^']*'|#.*$/g, '');
    const [first = '', second] = bare.match(/^[a-z][\w-]*|(?<=^[a-z][\w-]* +)[a-z][\w-]*(?![\w-]*=)/g) ?? [];
    const command = helps.has(`${first} ${second}`) ? `${first} ${second}` : first;
    const help = helps.get(command);
    if (help === undefined) return [`blockrank ${command}`];
    const options = bare.match(/(?<=^|\s)--[a-z][\w-]*/g) ?? [];
    const names = (option: string): boolean => new RegExp(`${option}(?![\\w-])`).test(help);
    return options.filter((option) => !names(option)).map((option) => `blockrank ${command} ${option}`);
  });
}

let helps: ReadonlyMap<string, string>;

/** The commands that a help lists; none when it is that of a command. */
function commandsIn(help: string): string[] {
  const at = help.indexOf('\nCommands:\n');
  const listed = at < 0 ? [] : help.slice(at).matchAll(/^ {2}([a-z][a-z-]*) /gm);
  return [...listed].map(([, name]) => name!).filter((name) => name !== 'help');
}

async function helpsOf(...command: string[]): Promise<[string, string][]> {
  const { stdout } = await runCli([...command, '--help']);
  const inner = await Promise.all(commandsIn(stdout).map((name) => helpsOf(...command, name)));
  return [[command.join(' '), stdout], ...inner.flat()];
}

beforeAll(async () => {
  helps = new Map(await helpsOf());
});

describe.each(documents)('%s', (path) => {
  const text = read(path);

  it('links to what is there', () => {
    expect(brokenLinks(path, text)).toEqual([]);
  });

  it('names files and folders that are there', () => {
    expect(missingPaths(path, text)).toEqual([]);
  });

  it('names scripts and doors that package.json has', () => {
    expect(missingInManifest(text)).toEqual([]);
  });

  it('names commands and options that the program has', () => {
    expect(unknownCommands(text, helps)).toEqual([]);
  });
});

describe('the check of documents', () => {
  it('finds links to no file and to no heading', () => {
    const text = [
      '# A, `b` & c',
      '[good](README.md), [good](#a-b--c), [far](https://example.org), [good](README.md#install), `[no](link)`',
      '[bad](NO.md), [bad](#nowhere), [bad](README.md#nowhere), ![bad](images/no.svg "title")',
      '[name]: docs/no.md',
      '```md',
      '[code](no.md)',
      '```',
    ].join('\n');
    expect(brokenLinks('ARCHITECTURE.md', text)).toEqual([
      'NO.md',
      '#nowhere',
      'README.md#nowhere',
      'images/no.svg',
      'docs/no.md',
    ]);
  });

  it('finds paths that are not there, in the folder that was opened', () => {
    const text =
      '**engine/** has `errors.ts`, `blocks/` and `no.ts`; `scripts/no.mjs`. **no/** and **adapters/** have `blocks/`.';
    expect(missingPaths('README.md', text)).toEqual(['no.ts', 'scripts/no.mjs', 'no/', 'blocks/']);
    expect(missingPaths('models/default/README.md', '`blockrank.json`, `msearch()`, `a.b`')).toEqual([]);
  });

  it('finds scripts and doors that package.json lacks', () => {
    const text =
      "Run `npm run check`, `npm run chekc`; `blockrank/testing`, `blockrank/no`.\n```sh\nnpm test\nnpm run -s nope -- x\n```\n```js\nimport { a } from 'blockrank/nope';\n```\n";
    expect(missingInManifest(text)).toEqual([
      'npm run -s nope',
      'blockrank/nope',
      'npm run chekc',
      'blockrank/no',
    ]);
  });

  it('finds commands and options that the program lacks', () => {
    const text =
      '`blockrank rank`, `blockrank tune`\n```sh\nnpx blockrank evaluate --data x --depht 3\nnpx blockrank rerank "an --odd query" --jso # --no\nnpx blockrank --help\nnpx blockrank states watch --index x --intervall 5\n```\n';
    expect(unknownCommands(text, helps)).toEqual([
      'blockrank evaluate --depht',
      'blockrank rerank --jso',
      'blockrank states watch --intervall',
      'blockrank rank',
    ]);
  });
});
