import { describe, expect, it } from 'vitest';
import type { Ranking } from '../../../engine/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import { answering, answerOf, idsOf, jsonOf, query } from '../../support/doubles/played-searches.ts';
import { type Answer, played, search } from '../../support/doubles/proxy-setup.ts';
import { proxyStarter } from '../../support/doubles/proxy-starter.ts';

const kept = closedAfterEach();
const proxied = proxyStarter(kept);
const path = '/products-1/_search';
/** A value of the header; so long that nothing but the reranker ends reading. */
const within = { 'x-blockrank': JSON.stringify({ deadlineMs: 60_000 }) };
const logit = (_candidate: unknown, _query: unknown, index: number): number => index;

interface Marked {
  readonly hits: { readonly hits: readonly { readonly blockrank?: Readonly<Record<string, unknown>> }[] };
}
const marks = (answer: Answer) => (jsonOf(answer) as unknown as Marked).hits.hits.map((one) => one.blockrank);

describe('a search with a deadline in its header', () => {
  it('is answered with what was read in time, says so, and is read whole without the header', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const { proxy } = await proxied(server, { reranker: fakeReranker({ logit, readsInTime: () => 2 }) });
    const part = await search(proxy.url, path, query, within);
    expect(part.headers['x-blockrank']).toBe('reranked; read=2');
    expect(idsOf(part)).toEqual(['b', 'a', 'c']);
    expect(jsonOf(part).blockrank).toMatchObject({ reranked: true, read: 2, stoppedBy: 'time' });
    expect(marks(part).map((mark) => mark?.['isRead'])).toEqual([undefined, undefined, false]);
    const whole = await search(proxy.url, path, query);
    expect(whole.headers['x-blockrank']).toBe('reranked');
    expect(idsOf(whole)).toEqual(['c', 'b', 'a']);
  });
});

describe('a search whose documents were dropped halfway', () => {
  it('says so on their hits', async () => {
    const server = await played(answering(answerOf('a', 'b', 'c')));
    const answer = (ranking: Ranking): Ranking => ({
      ...ranking,
      candidates: ranking.candidates.map((one) => (one.index === 0 ? { ...one, isDropped: true } : one)),
    });
    const { proxy } = await proxied(server, { reranker: fakeReranker({ logit, answer }) });
    const found = await search(proxy.url, path, query);
    expect(idsOf(found)).toEqual(['c', 'b', 'a']);
    expect(marks(found).map((mark) => mark?.['isDropped'])).toEqual([undefined, undefined, true]);
  });
});
