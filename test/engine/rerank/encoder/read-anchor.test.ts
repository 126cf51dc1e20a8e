import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EncoderReranker, openEncoderReranker } from '../../../../engine/index.ts';
import { read } from '../../../../engine/readout/reading.ts';
import { stackAnchors } from '../../../../engine/readout/readout.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

let reranker: EncoderReranker;
beforeAll(async () => {
  reranker = await openEncoderReranker({ model: await tinyModel(), tier: 'anchor', warmUp: false });
});
afterAll(() => reranker.close());

const list = shortlistOf('who bakes bread', 'a baker with flour and salt', 'the moon', 'a loaf of bread');

describe('readAnchor', () => {
  it('is the own anchor of a query whose documents nobody has read, and reads none for it', async () => {
    const unread = shortlistOf('who bakes bread', 'a text that is new to everybody');
    const { values, read: documents } = await reranker.readAnchor(unread);
    const { query } = await reranker.encode({ ...unread, candidates: [] });
    expect([documents, values]).toEqual([0, query.anchor]);
    expect((await reranker.rerank(unread)).usage).toMatchObject({ statesFound: 0, statesEncoded: 1 });
  });

  it('is the anchor that the ranking of the list was read by, once the list has been ranked', async () => {
    await reranker.rerank(list);
    const { values, read: documents } = await reranker.readAnchor(list);
    const { query, states } = await reranker.encode(list);
    const expected = read(query.anchor, stackAnchors(states, reranker.width), reranker.readout);
    expect(documents).toBe(3);
    assertAllClose(values, expected.anchor, { atol: 1e-7 });
    expect(values).not.toEqual(query.anchor);
  });

  it('is no longer given once the reranker is closed, or the caller has left', async () => {
    const gone = AbortSignal.abort(new Error('gone'));
    await expect(reranker.readAnchor(list, { signal: gone })).rejects.toThrow('gone');
  });
});
