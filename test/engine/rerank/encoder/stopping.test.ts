import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  applySteps,
  ConfigurationError,
  type EncoderReranker,
  fusion,
  openEncoderReranker,
  type Ranking,
  type RerankerOptions,
} from '../../../../engine/index.ts';
import { closedAfterEach } from '../../../support/closed-after-each.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { addTinyDepth, tinyModel } from '../../../support/tiny/tiny-model.ts';

const words = 'stars planets beans bread oven sky river stone music light'.split(' ');
const list = shortlistOf(
  'who studies the stars',
  ...Array.from({ length: 48 }, (_, i) => `${words[i % 10]} ${words[(i * 7) % 10]} ${i}`),
);
/** So much risk is accepted that reading stops as soon as a page may be judged. */
const soon = { page: 1, risk: 0.999_999 };
/** Nothing is accepted. */
const never = { page: 1, risk: 1e-12 };

let model: string;
beforeAll(async () => {
  model = await tinyModel({
    depths: { 1: { weights: 'one.safetensors', dropping: { firstStageWeight: 0 } } },
  });
  await addTinyDepth(model, [0], 'one.safetensors');
});
afterAll(() => rm(model, { recursive: true }));

const toClose = closedAfterEach();
const open = async (options: RerankerOptions = {}): Promise<EncoderReranker> =>
  toClose(await openEncoderReranker({ model, workers: 1, warmUp: false, batchTokens: 32, ...options }));
const readOf = ({ candidates }: Ranking): number[] =>
  candidates.flatMap(({ index, isRead }) => (isRead === false ? [] : [index])).sort((a, b) => a - b);

describe('stopping early', () => {
  it('reads the front of a list, ranks it as if the list were no longer, and leaves the rest below', async () => {
    const stopped = await (await open({ stopping: soon })).rerank(list);
    const read = readOf(stopped);
    expect(read).toEqual([...read.keys()]);
    expect(read.length).toBeGreaterThanOrEqual(8);
    expect(read.length).toBeLessThan(48);
    expect(stopped.usage).toMatchObject({
      read: read.length,
      stoppedBy: 'page',
      statesFound: 0,
      statesEncoded: read.length,
    });
    const front = { ...list, candidates: list.candidates.slice(0, read.length) };
    const whole = await (await open()).rerank(front);
    const order = ({ candidates }: Ranking): number[] => candidates.map(({ index }) => index);
    expect(order(stopped).slice(0, read.length)).toEqual(order(whole));
    // Nothing is lost, also after fusion.
    const served = await applySteps(stopped, list, { steps: [fusion()] });
    for (const ranking of [stopped, served])
      expect(order(ranking).slice(read.length)).toEqual([...Array(48).keys()].slice(read.length));
  });

  it('gives the same list twice, of new documents and of known ones', async () => {
    const first = await open({ stopping: soon });
    const ranking = await first.rerank(list);
    const again = await first.rerank(list);
    expect(again.candidates).toEqual(ranking.candidates);
    expect(again.usage).toMatchObject({ statesFound: ranking.usage.read, statesEncoded: 0 });
    expect((await (await open({ stopping: soon })).rerank(list)).candidates).toEqual(ranking.candidates);
  });

  it('reads all of a list whose documents are known', async () => {
    const reranker = await open({ stopping: soon });
    await reranker.prepare(list.candidates);
    const { usage } = await reranker.rerank(list);
    expect(usage).not.toHaveProperty('read');
    expect(usage).not.toHaveProperty('stoppedBy');
    expect(usage.statesFound).toBe(48);
  });

  it('ranks as without where no risk is accepted', async () => {
    const { candidates, usage } = await (await open({ stopping: never })).rerank(list);
    expect(usage).not.toHaveProperty('read');
    expect(candidates).toEqual((await (await open()).rerank(list)).candidates);
  });

  it('keeps to a time to read in, and says which of the two ended reading', async () => {
    const late = await (await open({ stopping: soon })).rerank(list, { readWithinMs: 0 });
    expect(late.usage).toMatchObject({ read: 0, stoppedBy: 'time' });
    const timely = await (await open({ stopping: soon })).rerank(list, { readWithinMs: 60_000 });
    expect(timely.usage.stoppedBy).toBe('page');
  });

  it('takes lists of none and of one', async () => {
    const reranker = await open({ stopping: soon });
    expect((await reranker.rerank(shortlistOf('stars'))).candidates).toEqual([]);
    expect((await reranker.rerank(shortlistOf('stars', 'bread'))).candidates).toMatchObject([{ score: 1 }]);
  });

  it('has a digest of its own readout, and the states of every other', async () => {
    const [with_, without] = [await open({ stopping: soon }), await open()];
    expect(with_.info.encodingDigest).toBe(without.info.encodingDigest);
    expect(with_.info.readoutDigest).not.toBe(without.info.readoutDigest);
  });

  it('is refused with values that mean nothing, and beside dropping', async () => {
    const pathsOf = async (options: RerankerOptions): Promise<readonly string[]> => {
      const error = await open(options).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ConfigurationError);
      return (error as ConfigurationError).issues.map(({ path }) => path);
    };
    expect(await pathsOf({ stopping: { page: 0, risk: 1 } })).toEqual(['stopping.page', 'stopping.risk']);
    expect(await pathsOf({ stopping: { rsik: 0.1 } as never })).toEqual(['stopping.rsik']);
    expect(await pathsOf({ stopping: {}, dropping: { keep: 0.5 } })).toEqual(['stopping']);
  });
});
