import { createHash } from 'node:crypto';
import { mkdtemp, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ModelFormatError } from '../../../engine/errors.ts';
import { digestFiles } from '../../../engine/model/digest-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-digest-'));
});
afterEach(() => void vi.useRealTimers());
afterAll(() => rm(folder, { recursive: true }));

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('digestFiles', () => {
  it('digests a text and then the bytes of each file in order', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    await writeFile(one, 'abc');
    await writeFile(other, 'de');
    expect(await digestFiles([one, other], 'x')).toBe(sha256('xabcde'));
    expect(await digestFiles([other, one])).toBe(sha256('deabc'));
  });

  it('sees every change of a file, also one that keeps its size and its time of change', async () => {
    const path = join(folder, 'changing');
    for (const text of ['first', 'other', 'third']) {
      await writeFile(path, text);
      expect(await digestFiles([path])).toBe(sha256(text));
    }
    // A file that lay there for a while is known, and then another takes its place.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
    const { mtime } = await stat(path);
    expect(await digestFiles([path])).toBe(sha256('third'));
    expect(await digestFiles([path])).toBe(sha256('third'));
    const twin = join(folder, 'twin');
    await writeFile(twin, 'forth');
    await utimes(twin, mtime, mtime);
    await rename(twin, path);
    expect(await digestFiles([path])).toBe(sha256('forth'));
  });

  it('names a file that cannot be read', async () => {
    const path = join(folder, 'absent');
    const error = await digestFiles([path]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ModelFormatError);
    expect(error).toMatchObject({ path, found: 'ENOENT' });
  });
});
