import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  applySteps,
  type EncoderReranker,
  fusion,
  openEncoderReranker,
  openReranker,
  type Ranking,
  type Reranker,
} from '../../../../engine/index.ts';
import { shortlistOf, breadTexts as texts } from '../../../support/tiny/shortlist.ts';
import { tinyGates, tinyInContextModel } from '../../../support/tiny/tiny-in-context.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

const cacheFolder = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
const opened: Reranker[] = [];
let model: string;

async function open(): Promise<EncoderReranker> {
  const reranker = await openEncoderReranker({ model, cacheFolder, workers: 1, batchTokens: 32 });
  opened.push(reranker);
  return reranker;
}

beforeAll(async () => {
  model = await tinyModel();
});
afterAll(() => Promise.all(opened.map((each) => each.close())));

/** Every candidate once, finite logits, best first, and the counts of the usage are those of the marks. */
function expectSound({ candidates, usage }: Ranking, count: number): void {
  expect(candidates.map(({ index }) => index).sort((a, b) => a - b)).toEqual([...new Array(count).keys()]);
  expect(candidates.every(({ logit, score }) => Number.isFinite(logit) && Number.isFinite(score))).toBe(true);
  const read = candidates.filter(({ isRead }) => isRead !== false).length;
  expect(usage.read ?? count).toBe(read);
  expect(usage.statesFound + usage.statesEncoded).toBe(read);
}

describe('EncoderReranker.rerank with readWithinMs', () => {
  it('answers a permutation in which unread candidates are marked, whatever the time', async () => {
    const reranker = await open();
    const time = fc.constantFrom(-1, 0, 0.001, 1, 3, 10, 1000);
    const list = fc.array(fc.constantFrom(...texts), { maxLength: 12 });
    let n = 0;
    await fc.assert(
      fc.asyncProperty(list, time, fc.boolean(), async (given, readWithinMs, explain) => {
        n += 1;
        const fresh = given.map((text) => (text === '' ? '' : `${text} ${n}`));
        const shortlist = shortlistOf('bake bread', ...fresh);
        const ranking = await reranker.rerank(shortlist, { readWithinMs, explain });
        expectSound(ranking, fresh.length);
        expectSound(await applySteps(ranking, shortlist, { steps: [fusion()] }), fresh.length);
      }),
      { numRuns: 40 },
    );
  });

  it('gives first-stage order without time and states, and all that is at hand without time alone', async () => {
    const reranker = await open();
    const shortlist = shortlistOf('bread', ...texts);
    const nothing = await reranker.rerank(shortlist, { readWithinMs: 0 });
    expect(nothing.usage).toMatchObject({ read: 0, statesEncoded: 0 });
    expect(nothing.candidates.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
    const known = shortlistOf('bread', ...texts.slice(2));
    await reranker.rerank(known);
    const part = await reranker.rerank(shortlist, { readWithinMs: 0 });
    expect(part.usage).toMatchObject({ read: 4, statesFound: 4, statesEncoded: 0 });
    const unread = part.candidates.filter(({ isRead }) => isRead === false);
    expect(unread.map(({ index }) => index)).toEqual([0, 1]);
  });

  it('ranks as without a time when there is enough of it', async () => {
    const reranker = await open();
    const shortlist = shortlistOf('bread', ...texts);
    const timed = await reranker.rerank(shortlist, { readWithinMs: 60_000 });
    expect(timed.usage).not.toHaveProperty('read');
    expect(timed.candidates).toEqual((await reranker.rerank(shortlist)).candidates);
  });

  it('reads a list of one when there is time, and leaves it in its place when there is none', async () => {
    const reranker = await open();
    const one = shortlistOf('bread', 'only this');
    expect((await reranker.rerank(one, { readWithinMs: 0 })).candidates).toEqual([
      { index: 0, logit: 0, score: 1, isRead: false },
    ]);
    expect((await reranker.rerank(one, { readWithinMs: 10_000 })).candidates).toMatchObject([{ score: 1 }]);
    expect((await reranker.rerank(shortlistOf('bread'), { readWithinMs: 0 })).candidates).toEqual([]);
  });

  it('ends with the reason of a caller who gives up', async () => {
    const reranker = await open();
    const stop = new AbortController();
    const call = reranker.rerank(shortlistOf('bread', ...texts), {
      readWithinMs: 10_000,
      signal: stop.signal,
    });
    stop.abort(new Error('the user left'));
    await expect(call).rejects.toThrow('the user left');
  });

  it('reads in the light of the query in time as well', async () => {
    const reranker = await openReranker({
      model: await tinyInContextModel(tinyGates(0.5)),
      cacheFolder,
      workers: 1,
    });
    opened.push(reranker);
    const shortlist = shortlistOf('bread', ...texts);
    expectSound(await reranker.rerank(shortlist, { readWithinMs: 0 }), texts.length);
    const whole = await reranker.rerank(shortlist, { readWithinMs: 60_000 });
    expectSound(whole, texts.length);
    expect(whole.usage).not.toHaveProperty('read');
  });
});
