import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultCacheFolder, temporaryCacheFolder } from '../../../engine/cache-folder.ts';
import { ConfigurationError } from '../../../engine/index.ts';
import { cachedCopy } from '../../../engine/weights/cached-copy.ts';

const isRoot = process.getuid?.() === 0;
const isWindows = process.platform === 'win32';
const whole = Buffer.alloc(10_000, 3);

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'blockrank-copies-'));
  vi.stubEnv('TMPDIR', root);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

/** Asks for a copy, and counts how often it is written. */
function copies(folder: string) {
  const write = vi.fn((path: string) => writeFile(path, whole));
  return { write, get: () => cachedCopy({ folder, name: 'copy', write }) };
}

const ownFolder = (): string => join(root, `blockrank-${process.getuid?.()}`);

describe('a copy of weights in the cache', () => {
  it('is written once, beside a note of its digest, and nothing else stays', async () => {
    const folder = join(root, 'cache');
    const { write, get } = copies(folder);
    expect([await get(), await get()]).toEqual([folder, folder]);
    expect(write).toHaveBeenCalledOnce();
    expect(readdirSync(folder).sort()).toEqual(['copy', 'copy.seal']);
  });

  const damages: Readonly<Record<string, (path: string) => void>> = {
    'cut short': (path) => truncateSync(path, 5000),
    empty: (path) => truncateSync(path, 0),
    'of other bytes': (path) => writeFileSync(path, Buffer.alloc(10_000, 4)),
    'zeros of the right length': (path) => writeFileSync(path, Buffer.alloc(10_000)),
    'zeros of the right length and time': (path) => {
      const { atime, mtime } = statSync(path);
      writeFileSync(path, Buffer.alloc(10_000));
      utimesSync(path, atime, mtime);
    },
    'one bit off': (path) => {
      const bytes = readFileSync(path);
      bytes[7777]! ^= 1;
      writeFileSync(path, bytes);
    },
    gone: (path) => rmSync(path),
    'without its note': (path) => rmSync(`${path}.seal`),
    'beside a note of other bytes': (path) => writeFileSync(`${path}.seal`, '{"sha256":"x","file":"y"}'),
    'beside a note that is none': (path) => writeFileSync(`${path}.seal`, '{'),
  };
  it.each(Object.entries(damages))('that is %s is written anew', async (_name, damage) => {
    const folder = join(root, 'cache');
    const { write, get } = copies(folder);
    await get();
    damage(join(folder, 'copy'));
    await get();
    expect(write).toHaveBeenCalledTimes(2);
    expect(readFileSync(join(folder, 'copy')).equals(whole)).toBe(true);
  });

  it('that was touched but not changed is read once more, and taken', async () => {
    const folder = join(root, 'cache');
    const { write, get } = copies(folder);
    await get();
    utimesSync(join(folder, 'copy'), 1, 1);
    await get();
    expect(write).toHaveBeenCalledOnce();
  });

  it('goes to the own temporary folder where the folder takes none, with a warning that names both', async () => {
    const folder = join(root, 'file', 'cache');
    writeFileSync(join(root, 'file'), '');
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { write, get } = copies(folder);
    expect([await get(), await get()]).toEqual([ownFolder(), ownFolder()]);
    expect(write).toHaveBeenCalledOnce();
    expect(warn).toHaveBeenCalledWith(
      `The cache folder "${folder}" takes no copy of the weights (ENOTDIR); it is kept in "${ownFolder()}".`,
      'BlockRankWarning',
    );
    warn.mockRestore();
  });

  it('is refused with what to set where no folder takes it', async () => {
    const full = Object.assign(new Error('no room'), { code: 'ENOSPC' });
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const copy = cachedCopy({ folder: join(root, 'cache'), name: 'copy', write: () => Promise.reject(full) });
    await expect(copy).rejects.toMatchObject({
      code: 'configuration',
      cause: full,
      issues: [
        {
          path: 'cacheFolder',
          message: `"${ownFolder()}" takes no copy of the weights (ENOSPC); set BLOCKRANK_CACHE, or cacheFolder, to a folder that this user can write`,
        },
      ],
    });
    warn.mockRestore();
  });

  it('hides no fault of the weights themselves', async () => {
    const missing = Object.assign(new Error('gone'), { code: 'ENOENT', path: '/elsewhere/model' });
    const folder = join(root, 'cache');
    const write = (): Promise<void> => Promise.reject(missing);
    await expect(cachedCopy({ folder, name: 'copy', write })).rejects.toBe(missing);
  });
});

describe.skipIf(isWindows)('the own temporary folder', () => {
  it("is named by the user's number, and nobody else's to look into", () => {
    expect(temporaryCacheFolder()).toBe(ownFolder());
    expect(statSync(ownFolder()).mode & 0o777).toBe(0o700);
    expect(temporaryCacheFolder()).toBe(ownFolder());
  });

  const traps: Readonly<Record<string, { readonly lay: (path: string) => void; readonly says: RegExp }>> = {
    'a symbolic link': { lay: (path) => symlinkSync(root, path), says: /is a symbolic link/ },
    'a link to nowhere': { lay: (path) => symlinkSync(join(root, 'x'), path), says: /is a symbolic link/ },
    'a file': { lay: (path) => writeFileSync(path, ''), says: /is no folder/ },
    'a folder that is open to others': {
      lay: (path) => {
        mkdirSync(path);
        chmodSync(path, 0o777);
      },
      says: /is open to other users/,
    },
  };
  it.each(Object.entries(traps))('is never %s', (_name, { lay, says }) => {
    lay(ownFolder());
    expect(temporaryCacheFolder).toThrow(ConfigurationError);
    expect(temporaryCacheFolder).toThrow(says);
    expect(temporaryCacheFolder).toThrow(/set BLOCKRANK_CACHE, or cacheFolder/);
  });

  it.skipIf(!isRoot)('is never the folder of another user', () => {
    mkdirSync(ownFolder(), { mode: 0o700 });
    spawnSync('chown', ['65534', ownFolder()]);
    expect(temporaryCacheFolder).toThrow(/belongs to another user/);
  });

  it.skipIf(!isRoot)('takes the place of a cache in the home folder that belongs to another user', () => {
    vi.stubEnv('HOME', join(root, 'home'));
    const atHome = join(root, 'home', '.cache', 'blockrank');
    expect(defaultCacheFolder({})).toBe(atHome);
    spawnSync('chown', ['65534', atHome]);
    expect(defaultCacheFolder({})).toBe(ownFolder());
    expect(defaultCacheFolder({ BLOCKRANK_CACHE: '/named' })).toBe('/named');
  });
});
