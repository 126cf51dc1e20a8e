import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { circlesOf, importsOf, sourceFiles } from '../../scripts/house/imports.ts';
import { linterText } from '../../scripts/house/linter.ts';
import { faultOf, floors, readHouse, roomOf } from '../../scripts/house/table.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const house = readHouse(join(root, 'house.json'));
const files = sourceFiles(root);
const imports = files.flatMap((file) => importsOf(root, file));
const inside = imports.filter(({ imported }) => floors.some((floor) => imported.startsWith(`${floor}/`)));

/** Arrows between what the files of both ends are called; those from a thing to itself are none. */
function arrowsBetween(nameOf: (file: string) => string): Map<string, Set<string>> {
  const arrows = new Map<string, Set<string>>();
  for (const { file, imported } of inside) {
    const [from, to] = [nameOf(file), nameOf(imported)];
    if (from === to) continue;
    const known = arrows.get(from) ?? new Set();
    arrows.set(from, known.add(to));
  }
  return arrows;
}

describe('the walls', () => {
  it('see every file and every kind of import', () => {
    expect(files.length).toBeGreaterThan(300);
    // A type alone, a re-export, an import at run time.
    expect(imports).toContainEqual({ file: 'engine/scores/fusion.ts', imported: 'engine/contract.ts' });
    expect(imports).toContainEqual({ file: 'engine/index.ts', imported: 'engine/errors.ts' });
    expect(imports).toContainEqual({ file: 'plugin/compose/connect.ts', imported: '@elastic/elasticsearch' });
  });

  it('have a room for every file, and files for every room', () => {
    expect(files.filter((file) => !roomOf(house, file))).toEqual([]);
    const isThere = (name: string): boolean =>
      statSync(join(root, name), { throwIfNoEntry: false })?.isFile() === name.endsWith('.ts');
    expect([...house.rooms.keys()].filter((name) => !isThere(name))).toEqual([]);
  });

  it('let nothing through but what the table allows', () => {
    const faults = imports.flatMap(({ file, imported }) => {
      const fault = faultOf(house, file, imported);
      return fault === undefined ? [] : [`${file}: ${fault} (${imported})`];
    });
    expect(faults).toEqual([]);
  });

  it('allow nothing that no file needs', () => {
    const needed = new Set(
      inside.flatMap(({ file, imported }) => {
        const from = roomOf(house, file)!.name;
        return [`${from} > ${imported}`, `${from} > ${roomOf(house, imported)?.name}`];
      }),
    );
    const isGround = (name: string, allowed: string): boolean =>
      house.grounds.get(name.split('/')[0]!)!.has(allowed);
    const idle = [...house.rooms.values()].flatMap(({ name, imports: allowed }) =>
      [...allowed]
        .filter((each) => !isGround(name, each) && !needed.has(`${name} > ${each}`))
        .map((each) => `${name} > ${each}`),
    );
    expect(idle).toEqual([]);
  });

  it('stand between rooms that never reach each other in a circle', () => {
    expect(circlesOf(arrowsBetween((file) => roomOf(house, file)?.name ?? file))).toEqual([]);
  });

  it('stand between folders that never reach each other in a circle', () => {
    const floorOf = (file: string): string => file.split('/')[0]!;
    expect(circlesOf(arrowsBetween(floorOf))).toEqual([]);
  });

  it('hold no circle of files', () => {
    expect(circlesOf(arrowsBetween((file) => file))).toEqual([]);
  });

  it('are known to the linter as they stand', () => {
    // Written by "npm run house".
    expect(readFileSync(join(root, 'biome.house.json'), 'utf8')).toBe(linterText(house));
  });
});

describe('the search for circles', () => {
  const circles = (arrows: Record<string, string[]>): readonly (readonly string[])[] =>
    circlesOf(new Map(Object.entries(arrows).map(([from, to]) => [from, new Set(to)])));

  it('finds a circle of any length, once', () => {
    expect(circles({ a: ['b'], b: ['c'], c: ['a', 'd'], d: [] })).toEqual([['a', 'b', 'c']]);
  });

  it('finds none where arrows only meet again', () => {
    expect(circles({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })).toEqual([]);
  });
});
