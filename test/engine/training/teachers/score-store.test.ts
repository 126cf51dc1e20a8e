import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openScoreStore } from '../../../../engine/training/teachers/score-store.ts';
import { builtProgram } from '../../../support/programs/built.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-scores-'));
  path = join(folder, 'deep', 'scores.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const odd = Float32Array.of(0.1, -1 / 3, 1e-30, 16777217, -0);

async function keep(...keys: readonly string[]): Promise<void> {
  const store = await openScoreStore(path);
  await Promise.all(keys.map((key) => store.put(key, odd)));
  await store.close();
  await store.close();
}

describe('openScoreStore', () => {
  it('finds scores again, each bit of them, and goes on at the end', async () => {
    await keep('a', 'b');
    await keep('c');
    const store = await openScoreStore(path);
    expect(store.size).toBe(3);
    for (const key of ['a', 'b', 'c']) expect(store.get(key)).toEqual(odd.map((value) => value + 0));
    expect(store.get('d')).toBeUndefined();
    await store.close();
    expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(4);
  });

  it('cuts off a last line that was not finished, and keeps what comes after it', async () => {
    await keep('a', 'b');
    const { length } = await readFile(path);
    await truncate(path, length - 9);
    await keep('c');
    const store = await openScoreStore(path);
    expect(['a', 'b', 'c'].map((key) => store.get(key) !== undefined)).toEqual([true, false, true]);
    await store.close();
  });

  it('begins anew after a file that has no whole line', async () => {
    await keep();
    await writeFile(path, '{"key":"a"'.padEnd(200_000));
    const store = await openScoreStore(path);
    expect(store.size).toBe(0);
    await store.close();
    expect(await readFile(path, 'utf8')).toBe('');
  });

  it('names a line that holds no scores', async () => {
    await keep('a');
    await appendFile(path, '{"key":"b","scores":[1,null]}\n');
    await expect(openScoreStore(path)).rejects.toMatchObject({
      code: 'configuration',
      issues: [{ path, message: expect.stringContaining('in line 2, found') }],
    });
  });

  it('says why a file cannot be written', async () => {
    await expect(openScoreStore(folder)).rejects.toMatchObject({
      code: 'configuration',
      issues: [{ path: folder, message: expect.stringContaining('EISDIR') }],
    });
  });

  it('has scores that were acknowledged after kill -9, whenever it comes', async () => {
    const writer = builtProgram('test/support/programs/score-store-writer.ts');
    const kept: number[] = [];
    for (const [run, afterMs] of [5, 23, 60].entries()) {
      const child = spawn(process.execPath, [writer, path, String(run * 1e6)]);
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (part: string) => {
        if (text === '') setTimeout(() => child.kill('SIGKILL'), afterMs);
        text += part;
      });
      await new Promise((resolve) => child.on('close', resolve));
      // The last line may be cut: it counts only when its end came through.
      kept.push(...text.split('\n').slice(0, -1).map(Number));
    }
    expect(kept.length).toBeGreaterThan(10);
    const store = await openScoreStore(path);
    for (const i of kept) expect(store.get(String(i))).toEqual(new Float32Array(50).fill(i / 3));
    await store.close();
  });

  it.skipIf(!existsSync('/dev/full'))('says that the disk is full, and keeps what was there', async () => {
    // The device takes nothing, as a full disk does.
    const full = await openScoreStore('/dev/full');
    await expect(full.put('a', odd)).rejects.toMatchObject({
      code: 'configuration',
      issues: [{ message: expect.stringContaining('the disk is full') }],
    });
    expect(full.get('a')).toBeUndefined();
    await full.close();
  });
});
