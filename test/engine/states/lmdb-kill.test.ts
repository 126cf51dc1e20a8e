import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lmdbSource } from '../../../engine/index.ts';
import { builtProgram } from '../../support/programs/built.ts';

const writer = builtProgram('test/support/programs/lmdb-writer.ts');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-kill-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Acknowledged writes from which on a writer may be killed. */
const leastKept = 4;

/** Starts a writer, kills it so long after its first writes, and gives what it had acknowledged. */
async function killedWriter(first: number, afterMs: number): Promise<number[]> {
  const child = spawn(process.execPath, [writer, folder, String(first)]);
  let text = '';
  let isEnding = false;
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
    if (isEnding || text.split('\n').length <= leastKept) return;
    isEnding = true;
    setTimeout(() => child.kill('SIGKILL'), afterMs);
  });
  await new Promise((resolve) => child.on('close', resolve));
  // The last line may be cut: it counts only when its end came through.
  return text.split('\n').slice(0, -1).map(Number);
}

describe('states on disk', () => {
  it('that were acknowledged are there after kill -9, whenever it comes', async () => {
    const kept: number[] = [];
    for (const [run, afterMs] of [5, 23, 60].entries())
      kept.push(...(await killedWriter(run * 1e6, afterMs)));
    expect(kept.length).toBeGreaterThanOrEqual(3 * leastKept);
    const source = lmdbSource({ folder });
    const found = await source.getMany(kept.map((i) => ({ encodingDigest: 'm', textDigest: String(i) })));
    expect(found.indexOf(undefined)).toBe(-1);
    expect(found.map((state) => state!.blockTokens)).toEqual(kept.map(() => [3]));
    expect(source.counts).toMatchObject({ missed: 0, damaged: 0 });
    await source.close();
  });
});
