import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  ConfigurationError,
  InferenceError,
  openReranker,
  openWorkerPool,
  type Ranking,
  type Reranker,
  type RerankerOptions,
  type WorkerPool,
} from '../../../engine/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyDecoder } from '../../support/tiny/tiny-decoder.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

const shortlist = shortlistOf('bread', 'a loaf of bread', 'a red car', 'flour and water');
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

async function reranker(options: RerankerOptions): Promise<Reranker> {
  const opened = await openReranker({ warmUp: false, threads: 1, ...options });
  open.push(opened);
  return opened;
}

function poolOf(workers: number): WorkerPool {
  const pool = openWorkerPool({ workers });
  open.push(pool);
  return pool;
}

const scoresOf = ({ candidates }: Ranking) => candidates.map(({ index, logit }) => [index, logit]);

describe('rerankers on one pool', () => {
  it('rank as on workers of their own, encoder and decoder side by side', async () => {
    const models = [await tinyModel(), await tinyDecoder()];
    const own = [];
    for (const model of models) {
      own.push(scoresOf(await (await reranker({ model, workers: 2 })).rerank(shortlist)));
    }
    const pool = poolOf(2);
    const shared = await Promise.all(models.map((model) => reranker({ model, pool })));
    const rankings = await Promise.all(shared.map((each) => each.rerank(shortlist)));
    expect(rankings.map(scoresOf)).toEqual(own);
  });

  it('start no threads besides those of the pool', async () => {
    let threads = 0;
    const count = (): void => {
      threads += 1;
    };
    process.on('worker', count);
    const pool = poolOf(2);
    const model = await tinyModel();
    await reranker({ model, pool });
    await reranker({ model, pool, tier: 'anchor', maxQueryTokens: 8 });
    process.off('worker', count);
    expect(threads).toBe(2);
  });

  it.each([
    ['first', 0],
    ['second', 1],
  ])('leave the pool open when the %s of them is closed', async (_name, index) => {
    const pool = poolOf(1);
    const model = await tinyModel();
    const two = [await reranker({ model, pool }), await reranker({ model, pool, tier: 'anchor' })];
    const [closed, left] = [two[index]!, two[1 - index]!];
    await closed.close();
    expect([closed.info.ready, left.info.ready]).toEqual([false, true]);
    await expect(closed.rerank(shortlist)).rejects.toThrow(TypeError);
    expect((await left.rerank(shortlist)).candidates).toHaveLength(3);
    await left.close();
    expect((await (await reranker({ model, pool })).rerank(shortlist)).candidates).toHaveLength(3);
  });

  it('refuse calls once the pool was closed beneath them, say that they are not ready, and close', async () => {
    const pool = poolOf(1);
    const two = [
      await reranker({ model: await tinyModel(), pool }),
      await reranker({ model: await tinyDecoder(), pool }),
    ];
    await pool.close();
    for (const each of two) {
      await expect(each.rerank(shortlist)).rejects.toThrow(new TypeError('run: the worker pool is closed.'));
      expect(each.info.ready).toBe(false);
      await each.close();
    }
    await expect(reranker({ model: await tinyModel(), pool })).rejects.toThrow(
      new TypeError('open: the worker pool is closed.'),
    );
  });

  it('give up a request that is aborted and go on with the others', async () => {
    const pool = poolOf(1);
    const model = await tinyModel();
    const two = [await reranker({ model, pool }), await reranker({ model: await tinyDecoder(), pool })];
    const abort = new AbortController();
    const given = two[0]!.rerank(shortlist, { signal: abort.signal });
    const kept = two[1]!.rerank(shortlist);
    abort.abort(new Error('given up'));
    await expect(given).rejects.toThrow('given up');
    expect((await kept).candidates).toHaveLength(3);
    expect((await two[0]!.rerank(shortlist)).candidates).toHaveLength(3);
  });

  it('take either a pool or a number of workers, and no pool that is none', async () => {
    const model = await tinyModel();
    const both = openReranker({ model, pool: poolOf(1), workers: 2 });
    await expect(both).rejects.toThrow(ConfigurationError);
    await expect(both).rejects.toThrow(/workers: the pool says how many there are/);
    const none = openReranker({ model: await tinyDecoder(), pool: {} as WorkerPool });
    await expect(none).rejects.toThrow(/pool: expected a pool from openWorkerPool, got object/);
  });

  it('leave the pool open when one of them cannot be opened', async () => {
    const pool = poolOf(1);
    const model = await tinyModel();
    const left = await reranker({ model, pool });
    const damaged = await tinyModel();
    await writeFile(join(damaged, 'tokenizer.json'), '{');
    await expect(openReranker({ model: damaged, pool })).rejects.toThrow(InferenceError);
    expect((await left.rerank(shortlist)).candidates).toHaveLength(3);
  });
});
