import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, openEncoderReranker, type RerankerOptions } from '../../../../engine/index.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const list = shortlistOf(
  'who studies the stars',
  'a stew of beans',
  'the astronomer studies planets',
  'stars',
);

let plain: string;
let scratch: string;
beforeAll(async () => {
  plain = await tinyModel();
  scratch = await mkdtemp(join(tmpdir(), 'blockrank-loops-'));
});
afterAll(async () => {
  for (const folder of [plain, scratch]) await rm(folder, { recursive: true });
});

/** The tiny model with its middle layer looped. */
async function looped(loops: number): Promise<string> {
  const folder = join(scratch, String(loops));
  await cp(plain, folder, { recursive: true });
  const path = join(folder, 'config.json');
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  const blocks = { prefix: 1, loop: 1, suffix: 1 };
  await writeFile(path, JSON.stringify({ ...config, blocks, loops }));
  return folder;
}

async function ranked(options: RerankerOptions): Promise<{
  readonly logits: number[];
  readonly digest: string;
  readonly readoutDigest: string;
  readonly loops: number | undefined;
}> {
  const reranker = await openEncoderReranker({ workers: 1, warmUp: false, cacheFolder: scratch, ...options });
  try {
    const { candidates } = await reranker.rerank(list);
    const logits = candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
    const { encodingDigest: digest, readoutDigest, loops } = reranker.info;
    return { logits, digest, readoutDigest, loops };
  } finally {
    await reranker.close();
  }
}

describe('openReranker({ loops })', () => {
  it('ranks as a model that was written with so many loops, under a digest of its own', async () => {
    const model = await looped(1);
    const once = await ranked({ model });
    const thrice = await ranked({ model, loops: 3 });
    assertAllClose(thrice.logits, (await ranked({ model: await looped(3) })).logits, { atol: 1e-5 });
    expect([once.loops, thrice.loops]).toEqual([1, 3]);
    expect(thrice.logits).not.toEqual(once.logits);
    // States of different loops never mix; reading is the same.
    expect(thrice.digest).not.toBe(once.digest);
    expect(thrice.readoutDigest).toBe(once.readoutDigest);
    expect((await ranked({ model, loops: 1 })).digest).toBe(once.digest);
  });

  it('keeps the states of different loops apart in one folder', async () => {
    const model = await looped(2);
    const stateFolder = join(scratch, 'states');
    const filled = await ranked({ model, stateFolder });
    const other = await ranked({ model, loops: 4, stateFolder });
    assertAllClose(other.logits, (await ranked({ model, loops: 4 })).logits, { atol: 1e-5 });
    expect(other.logits).not.toEqual(filled.logits);
  });

  it('refuses loops of a model that does not loop, and a number that is none', async () => {
    const refused = ranked({ model: plain, loops: 2 });
    await expect(refused).rejects.toThrow(ConfigurationError);
    await expect(refused).rejects.toMatchObject({
      issues: [{ path: 'loops', message: expect.stringContaining('do not loop') }],
    });
    await expect(ranked({ model: await looped(5), loops: 0 })).rejects.toMatchObject({
      issues: [{ path: 'loops', message: expect.stringContaining('from 1 to') }],
    });
  });
});
