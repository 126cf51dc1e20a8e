import { describe, expect, it } from 'vitest';
import type { UnrerankedEvent } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { idsOf, stageOver } from '../../support/doubles/stage-over.ts';

const hits = [
  { id: 'a', text: 'Der Wald ist im Herbst am schönsten, wenn die Blätter bunt werden.', score: 2 },
  { id: 'b', text: 'Viele Menschen sammeln dann Pilze, von denen einige sehr giftig sind.', score: 1 },
];

describe('a list in a language that the model does not read', () => {
  it('keeps the order of the first stage, and says why', async () => {
    const told: UnrerankedEvent[] = [];
    const reranker = fakeReranker({ logit: (_candidate, _query, index) => index });
    const stage = stageOver(hits, { reranker, events: { unreranked: (event) => told.push(event) } });
    const response = await stage.search({ query: 'giftige Pilze' });
    expect(response.blockrank).toMatchObject({ reranked: false, reason: 'language' });
    expect(idsOf(response)).toEqual(['a', 'b']);
    expect(told).toMatchObject([{ reason: 'language' }]);
    expect(reranker.calls).toEqual([]);
  });

  it('is reranked where the guard is switched off', async () => {
    const response = await stageOver(hits, { languageGuard: false }).search({ query: 'giftige Pilze' });
    expect(response.blockrank).toMatchObject({ reranked: true });
    expect(idsOf(response)).toEqual(['b', 'a']);
  });
});
