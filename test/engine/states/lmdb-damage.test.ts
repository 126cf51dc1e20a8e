import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StateCounts } from '../../../engine/index.ts';
import { readMeta } from '../../../engine/states/lmdb-pages.ts';

interface Report {
  readonly before: number;
  readonly kept: number;
  readonly after: number;
  readonly counts: StateCounts;
  readonly warnings: readonly string[];
}

const program = fileURLToPath(new URL('../../support/programs/lmdb-program.ts', import.meta.url));
const isRoot = process.getuid?.() === 0;
const states = 40;

let root: string;
let whole: string;
let folders = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'blockrank-damage-'));
  chmodSync(root, 0o755);
  whole = join(root, 'whole');
  run(whole);
  run(whole); // written twice: so there are free pages, too
});
afterAll(() => rmSync(root, { recursive: true }));

/** Keeps and reads states in a process of its own; a signal fails the test. */
function run(
  folder: string,
  meanwhile = 'nothing',
  options: { readonly uid?: number } = {},
  count: number = states,
): Report {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', program, folder, meanwhile, String(count)],
    { encoding: 'utf8', ...options },
  );
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
  return JSON.parse(stdout) as Report;
}

/** A copy of the whole folder. */
function copy(): string {
  const folder = join(root, String(folders++));
  cpSync(whole, folder, { recursive: true });
  return folder;
}

/** The system's own tools, which the package does not bring. */
const shell = (...words: readonly string[]): boolean => spawnSync('sh', ['-c', words.join(' ')]).status === 0;
const mountOf = (disk: string, size: string): boolean =>
  shell('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk);

const dataOf = (folder: string): string => join(folder, 'data.mdb');

/** Changes bytes of the file. */
function change(folder: string, edit: (bytes: Buffer) => void): void {
  const bytes = readFileSync(dataOf(folder));
  edit(bytes);
  writeFileSync(dataOf(folder), bytes);
}

function rootsOf(folder: string): { readonly main: number; readonly free: number; readonly bytes: number } {
  const file = openSync(dataOf(folder), 'r');
  const meta = readMeta(file);
  closeSync(file);
  if (typeof meta === 'string') throw new Error(meta);
  return { main: meta.main.root!, free: meta.free.root!, bytes: meta.pageBytes };
}

const damages: Readonly<Record<string, (folder: string) => void>> = {
  'cut within its head': (folder) => truncateSync(dataOf(folder), 100),
  'cut within a page': (folder) => truncateSync(dataOf(folder), 6000),
  'cut before its root': (folder) => {
    const { main, bytes } = rootsOf(folder);
    truncateSync(dataOf(folder), main * bytes);
  },
  'other bytes': (folder) => writeFileSync(dataOf(folder), Buffer.alloc(20_000, 7)),
  'a text': (folder) => writeFileSync(dataOf(folder), 'This is no database.'),
  'zeros of the right length': (folder) => change(folder, (bytes) => bytes.fill(0)),
  'zeros after its heads': (folder) => change(folder, (bytes) => bytes.fill(0, 8192)),
  'a root of zeros': (folder) => {
    const { main, bytes: size } = rootsOf(folder);
    change(folder, (bytes) => bytes.fill(0, main * size, (main + 1) * size));
  },
  'a root that leads behind the end': (folder) => {
    const { main, bytes: size } = rootsOf(folder);
    change(folder, (bytes) => {
      const at = main * size + 24;
      bytes.writeUInt16LE(0xffff, at + bytes.readUInt16LE(at));
      bytes.writeUInt16LE(0xffff, at + bytes.readUInt16LE(at) + 2);
    });
  },
  'offsets outside of a page': (folder) => {
    const { main, bytes: size } = rootsOf(folder);
    change(folder, (bytes) => bytes.writeUInt16LE(0xfff0, main * size + 24));
  },
  'pages that are free and in use': (folder) => {
    const { main, free, bytes: size } = rootsOf(folder);
    change(folder, (bytes) => {
      const node = free * size + 24 + bytes.readUInt16LE(free * size + 24);
      const list = node + 8 + bytes.readUInt16LE(node + 6);
      const count = bytes.readUInt32LE(list);
      bytes.writeBigInt64LE(BigInt(main), list + 8 * count);
    });
  },
};

/** Changes to the files beside the data, and files without a state: none of them is damage. */
const harmless: Readonly<
  Record<string, { readonly change: (folder: string) => void; readonly found: number }>
> = {
  'that is empty': { change: (folder) => truncateSync(dataOf(folder), 0), found: 0 },
  'whose lock is empty': { change: (folder) => truncateSync(join(folder, 'lock.mdb'), 0), found: states },
  'whose lock is gone': { change: (folder) => rmSync(join(folder, 'lock.mdb')), found: states },
  'whose lock holds other bytes': {
    change: (folder) => writeFileSync(join(folder, 'lock.mdb'), Buffer.alloc(9000, 7)),
    found: states,
  },
  'whose note of the last check is no JSON': {
    change: (folder) => writeFileSync(join(folder, 'checked.json'), 'x'),
    found: states,
  },
};

const unusable: Readonly<Record<string, (folder: string) => void>> = {
  'a file in place of the folder': (folder) => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'x');
  },
  'a folder in place of the data': (folder) => {
    rmSync(dataOf(folder));
    mkdirSync(dataOf(folder));
  },
};

describe('a folder of states', () => {
  it('gives back what another process kept, and says nothing', () => {
    expect(run(copy())).toMatchObject({ before: states, after: states, warnings: [] });
  });

  it('that another program opened with settings of its own is sound', async () => {
    const folder = copy();
    const database = open<Buffer, string>({ path: folder, encoding: 'binary' });
    await database.put('another', Buffer.alloc(10));
    await database.close();
    expect(run(folder)).toMatchObject({ before: states, warnings: [] });
  });

  it.each(Object.entries(damages))('with %s is begun anew, counted and said', (_name, damage) => {
    const folder = copy();
    damage(folder);
    const { before, kept, after, counts, warnings } = run(folder);
    expect({ before, kept, after }).toEqual({ before: 0, kept: states, after: states });
    expect(counts).toMatchObject({ damaged: 1, failed: 0 });
    expect(warnings).toEqual([expect.stringContaining(`The block states in "${folder}" are damaged (`)]);
    expect(readdirSync(folder)).toContain('data.mdb.damaged');
  });

  it.each(Object.entries(harmless))('%s is used without a word', (_name, { change: edit, found }) => {
    const folder = copy();
    edit(folder);
    expect(run(folder)).toMatchObject({ before: found, kept: states, warnings: [] });
  });

  it.each(Object.entries(unusable))('with %s keeps nothing, and says so', (_name, spoil) => {
    const folder = copy();
    spoil(folder);
    const { kept, counts, warnings } = run(folder);
    expect(kept).toBe(0);
    expect(counts).toMatchObject({ found: 0, missed: 3 * states, failed: 5 * states });
    expect(warnings).toEqual([
      expect.stringMatching(`Block states are not kept in "${folder}" .*stateFolder`),
    ]);
  });

  it.skipIf(!isRoot)('of another user keeps nothing, and says so', () => {
    const folder = copy();
    chmodSync(folder, 0o755);
    const { kept, warnings } = run(folder, 'nothing', { uid: 65_534 });
    expect(kept).toBe(0);
    expect(warnings).toEqual([expect.stringContaining(`not kept in "${folder}" (EACCES)`)]);
  });

  it.each(['cut', 'emptied'])('that is %s while it is open answers no more, and is begun anew', (what) => {
    const folder = copy();
    const { kept, after, counts, warnings } = run(folder, what);
    expect({ kept, after }).toEqual({ kept: states, after: 0 });
    expect(counts.failed).toBe(2 * states);
    expect(warnings).toEqual([expect.stringContaining('were cut short while they were in use')]);
    expect(run(folder)).toMatchObject({ before: 0, after: states });
  });

  it.each(['removed', 'replaced'])('whose file is %s while it is open goes on with the old one', (what) => {
    const folder = copy();
    expect(run(folder, what)).toMatchObject({ kept: states, after: states, warnings: [] });
    expect(run(folder)).toMatchObject({ before: 0, after: states });
  });

  it('on a disk with little room keeps what it can, says so once, and counts the rest', (context) => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    const mounted = mountOf(disk, '4500k');
    if (!mounted) context.skip('no file system of a size can be mounted here');
    try {
      expect(run(join(disk, 'states'), 'nothing', {}, 4)).toMatchObject({ kept: 4 });
      const { kept, counts, warnings } = run(join(disk, 'states'));
      expect(kept).toBe(4);
      expect(counts.failed).toBe(2 * states);
      expect(warnings).toEqual([expect.stringContaining('the disk is full')]);
    } finally {
      shell('umount', disk);
    }
  });

  it('on a disk that is full already keeps nothing', (context) => {
    const disk = join(root, 'full-disk');
    mkdirSync(disk);
    const mounted = mountOf(disk, '64k');
    if (!mounted) context.skip('no file system of a size can be mounted here');
    try {
      spawnSync('sh', ['-c', `cat /dev/zero > ${disk}/rest`]);
      const { kept, warnings } = run(join(disk, 'states'));
      expect(kept).toBe(0);
      expect(warnings).toEqual([expect.stringContaining('ENOSPC')]);
    } finally {
      shell('umount', disk);
    }
  });
});
