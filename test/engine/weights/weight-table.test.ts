import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReranker } from '../../../engine/index.ts';
import { readTensorBytes, readTensorTable, toSafetensors } from '../../../engine/weights/safetensors.ts';
import { readWeightTable } from '../../../engine/weights/weight-table.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';

const indexFile = 'model.safetensors.index.json';

/** The tiny model with its tensors dealt out to files, as large checkpoints come. */
async function sharded(files: number): Promise<string> {
  const folder = await tinyDecoder();
  const whole = join(folder, 'model.safetensors');
  const table = [...(await readTensorTable(whole))];
  const map: Record<string, string> = {};
  for (let n = 0; n < files; n += 1) {
    const file = `model-0000${n + 1}-of-0000${files}.safetensors`;
    const own = table.filter((_, i) => i % files === n);
    const tensors = await Promise.all(
      own.map(async ([name, entry]) => ({
        name,
        type: 'F32' as const,
        shape: entry.shape,
        bytes: await readTensorBytes(whole, entry),
      })),
    );
    await writeFile(join(folder, file), toSafetensors(tensors, {}));
    for (const { name } of tensors) map[name] = file;
  }
  await rm(whole);
  await writeFile(join(folder, indexFile), JSON.stringify({ metadata: {}, weight_map: map }));
  return folder;
}

async function scoresOf(model: string): Promise<number[]> {
  const reranker = await openReranker({ model, warmUp: false });
  const { candidates } = await reranker.rerank(shortlistOf('tide', 'the tide is high', 'bread', 'frost'));
  await reranker.close();
  return candidates.map(({ score }) => score);
}

describe('readWeightTable', () => {
  it('finds each tensor in its shard, and nothing changes', async () => {
    const folder = await sharded(3);
    expect(new Set([...(await readWeightTable(folder)).values()].map(({ file }) => file)).size).toBe(3);
    expect(await scoresOf(folder)).toEqual(await scoresOf(await tinyDecoder()));
  });

  it('says which shard is missing', async () => {
    const folder = await sharded(2);
    await rm(join(folder, 'model-00002-of-00002.safetensors'));
    await expect(openReranker({ model: folder })).rejects.toThrow(
      /model-00002-of-00002\.safetensors.*ENOENT/,
    );
  });

  it('reads no file outside the folder, whatever the index says', async () => {
    const folder = await sharded(2);
    const index = JSON.parse(await readFile(join(folder, indexFile), 'utf8')) as {
      weight_map: Record<string, string>;
    };
    index.weight_map['lm_head.weight'] = '../secret.safetensors';
    await writeFile(join(folder, indexFile), JSON.stringify(index));
    await expect(openReranker({ model: folder })).rejects.toThrow(/file names of this folder/);
  });

  it('says what is missing in a folder without weights', async () => {
    const folder = await tinyDecoder();
    await rm(join(folder, 'model.safetensors'));
    await expect(openReranker({ model: folder })).rejects.toThrow(
      /model\.safetensors or model\.safetensors\.index\.json/,
    );
  });
});
