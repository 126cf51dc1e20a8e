/** Every import of the code, as it is written: types, re-exports and `import()` too. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { floors } from './table.ts';

/** One import. */
export interface Import {
  /** The file that imports, from the root. */
  readonly file: string;
  /** What it imports: a path from the root, or a package. */
  readonly imported: string;
}

/** All source files of the house, as paths from the root. */
export function sourceFiles(root: string): readonly string[] {
  return floors.flatMap((floor) =>
    readdirSync(join(root, floor), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${floor}/${path.replaceAll('\\', '/')}`),
  );
}

/** The imports of one file. */
export function importsOf(root: string, file: string): readonly Import[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'), true, true);
  return importedFiles.map(({ fileName }) => ({
    file,
    imported: fileName.startsWith('.') ? normalize(join(dirname(file), fileName)) : fileName,
  }));
}

/** Groups that reach each other along arrows: circles, each sorted, without those of one member. */
export function circlesOf(arrows: ReadonlyMap<string, ReadonlySet<string>>): readonly (readonly string[])[] {
  const reach = new Map([...arrows.keys()].map((from) => [from, reachableFrom(arrows, from)]));
  const found = new Map<string, readonly string[]>();
  for (const [from, reached] of reach) {
    const circle = [...reached].filter((to) => reach.get(to)?.has(from)).sort();
    if (circle.length > 1) found.set(circle.join(' '), circle);
  }
  return [...found.values()];
}

function reachableFrom(arrows: ReadonlyMap<string, ReadonlySet<string>>, from: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...(arrows.get(from) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(arrows.get(next) ?? []));
  }
  return reached;
}
