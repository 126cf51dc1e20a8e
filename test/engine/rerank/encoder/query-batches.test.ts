import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type EncoderReranker,
  openEncoderReranker,
  openWorkerPool,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import type { QueryState } from '../../../../engine/readout/parameters.ts';
import { QueryBatches, type QueryRunner } from '../../../../engine/rerank/encoder/query-batches.ts';
import type { QueryBlockState } from '../../../../engine/rerank/encoder/seen-feeds.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

/** The state that the double gives for a text. */
const stateOf = (text: string): QueryBlockState => ({
  width: 1,
  anchor: Float32Array.of(text.length),
  tokens: Float32Array.of(text.length),
  blockTokens: 1,
  truncatedTokens: 0,
});

/** A runner whose runs end when the test says so. */
class HeldRunner implements QueryRunner<string> {
  readonly isOpen = true;
  readonly size: number;
  idle: number;
  readonly runs: { texts: readonly string[]; signal: AbortSignal; end: (error?: Error) => void }[] = [];

  constructor(size: number) {
    this.size = size;
    this.idle = size;
  }

  run(texts: readonly string[], { signal }: { signal?: AbortSignal }): Promise<readonly QueryBlockState[]> {
    this.idle -= 1;
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        this.idle += 1;
        if (error) reject(error);
        else resolve(texts.map(stateOf));
      };
      this.runs.push({ texts, signal: signal!, end });
    });
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const textsOf = ({ runs }: HeldRunner): (readonly string[])[] => runs.map(({ texts }) => texts);

describe('QueryBatches', () => {
  it('runs one that comes alone at once and wide, and those that come meanwhile together', async () => {
    const [workers, wide] = [new HeldRunner(2), new HeldRunner(1)];
    const batches = new QueryBatches({ workers, wide: Object.assign(wide, { threads: 2 }) });
    const states = ['a', 'bb', 'ccc'].map((text) => batches.encode(text));
    expect(textsOf(wide)).toEqual([['a']]);
    wide.runs[0]!.end();
    await turn();
    expect(textsOf(wide)).toEqual([['a'], ['bb', 'ccc']]);
    wide.runs[1]!.end();
    expect((await Promise.all(states)).map(({ anchor }) => anchor[0])).toEqual([1, 2, 3]);
    expect(workers.runs).toEqual([]);
  });

  it('gives workers what the wide runner leaves idle, and nothing where it uses every processor', async () => {
    const [workers, wide] = [new HeldRunner(5), new HeldRunner(1)];
    const batches = new QueryBatches({ workers, wide: Object.assign(wide, { threads: 4 }) });
    const states = ['a', 'bb', 'ccc'].map((text) => batches.encode(text));
    expect(textsOf(wide)).toEqual([['a']]);
    expect(textsOf(workers)).toEqual([['bb']]);
    workers.runs[0]!.end();
    wide.runs[0]!.end();
    await turn();
    for (const { end } of [...workers.runs.slice(1), ...wide.runs.slice(1)]) end();
    expect(await Promise.all(states)).toHaveLength(3);
  });

  it('runs as many batches at once as there are workers, and no more than 16 blocks in one', async () => {
    const workers = new HeldRunner(2);
    const batches = new QueryBatches({ workers });
    const states = Array.from({ length: 20 }, (_, i) => batches.encode(`${i}`));
    expect(textsOf(workers)).toEqual([['0'], ['1']]);
    workers.runs[0]!.end();
    await turn();
    expect(workers.runs.map(({ texts }) => texts.length)).toEqual([1, 1, 16]);
    workers.runs[1]!.end();
    await turn();
    for (const { end } of workers.runs.slice(2)) end();
    expect(await Promise.all(states)).toHaveLength(20);
  });

  it('drops a text whose caller goes while it waits, and ends a run that nobody waits for', async () => {
    const workers = new HeldRunner(1);
    const batches = new QueryBatches({ workers });
    const [first, second, third] = [0, 1, 2].map(() => new AbortController());
    const runs = batches.encode('first', first!.signal);
    const leaves = batches.encode('leaves', second!.signal);
    const stays = batches.encode('stays', third!.signal);
    second!.abort(new Error('gone'));
    await expect(leaves).rejects.toThrow('gone');
    first!.abort(new Error('gone too'));
    await expect(runs).rejects.toThrow('gone too');
    expect(workers.runs[0]!.signal.aborted).toBe(true);
    workers.runs[0]!.end(new Error('aborted'));
    await turn();
    expect(textsOf(workers)).toEqual([['first'], ['stays']]);
    workers.runs[1]!.end();
    expect((await stays).anchor).toEqual(Float32Array.of(5));
    expect(third!.signal.aborted).toBe(false);
  });

  it('goes on with a batch of which one caller went', async () => {
    const workers = new HeldRunner(1);
    const batches = new QueryBatches({ workers });
    const before = batches.encode('before');
    const controller = new AbortController();
    const goes = batches.encode('goes', controller.signal);
    const stays = batches.encode('stays');
    workers.runs[0]!.end();
    await before;
    await turn();
    expect(textsOf(workers)[1]).toEqual(['goes', 'stays']);
    controller.abort(new Error('gone'));
    await expect(goes).rejects.toThrow('gone');
    expect(workers.runs[1]!.signal.aborted).toBe(false);
    workers.runs[1]!.end();
    await expect(stays).resolves.toEqual(stateOf('stays'));
  });

  it('runs the texts of a batch that fails alone, so that one fails for its own sake only', async () => {
    const workers = new HeldRunner(1);
    const batches = new QueryBatches({ workers });
    const before = batches.encode('before');
    const [good, bad] = [batches.encode('good'), batches.encode('bad')];
    workers.runs[0]!.end();
    await before;
    await turn();
    workers.runs[1]!.end(new Error('the batch'));
    await turn();
    expect(textsOf(workers).slice(2)).toEqual([['good'], ['bad']]);
    workers.runs[2]!.end();
    workers.runs[3]!.end(new Error('the text'));
    await expect(good).resolves.toEqual(stateOf('good'));
    await expect(bad).rejects.toThrow('the text');
  });
});

const questions = [
  'how do plants make food',
  'what is the price of water',
  'star',
  'when did the stock market fall, and why did it fall so far on that day of all days',
  'where do roses grow',
  'who studies the stars and the planets',
];

const queryOf = async (reranker: EncoderReranker, text: string): Promise<QueryState> =>
  (await reranker.encode({ query: { text }, candidates: [], firstStage: 'unknown' })).query;

describe.each(['fp32', 'int8'] as const)('query blocks of the shipped model in %s', (precision) => {
  let wide: EncoderReranker;
  let alone: QueryState[];
  beforeAll(async () => {
    const narrow = await openEncoderReranker({ precision, workers: 1, warmUp: false });
    alone = [];
    for (const text of questions) alone.push(await queryOf(narrow, text));
    await narrow.close();
    wide = await openEncoderReranker({ precision, workers: 1, queryThreads: 2, warmUp: false });
  }, 60_000);
  afterAll(() => wide.close());

  it('have the same bits alone with one thread and with two, and in batches', async () => {
    const together = await Promise.all(questions.map((text) => queryOf(wide, text)));
    expect(together).toEqual(alone);
    const again: QueryState[] = [];
    for (const text of questions) again.push(await queryOf(wide, `${text} `));
    expect(again).toEqual(alone);
  });
});

describe('closing while query blocks wait', () => {
  it.each([
    ['the reranker', (reranker: EncoderReranker): Promise<void> => reranker.close()],
    ['its pool', (_reranker: EncoderReranker, pool: { close(): Promise<void> }) => pool.close()],
  ])('ends them with a TypeError: %s', async (_what, close) => {
    const pool = openWorkerPool({ workers: 1 });
    const options: RerankerOptions = { model: await tinyModel(), pool, queryThreads: 2 };
    const reranker = await openEncoderReranker(options);
    const asked = Array.from({ length: 40 }, (_, i) => queryOf(reranker, `query ${i}`));
    const settled = Promise.allSettled(asked);
    await close(reranker, pool);
    const outcomes = await settled;
    const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused.length).toBeGreaterThan(0);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(TypeError);
    await reranker.close();
    await pool.close();
  });
});
