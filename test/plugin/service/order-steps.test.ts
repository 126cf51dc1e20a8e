import { describe, expect, it } from 'vitest';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { testService } from '../../support/servers/test-service.ts';

const reranker = fakeReranker({ logit: (_one, _query, index) => index });
const config = {
  signals: [
    { function: 'factor', field: 'inStock', factors: { true: 1 }, weight: 3 },
    { function: 'pin', ids: ['pinned'] },
  ],
  orderLimits: { maxDemotion: 1 },
} as const;

describe('steps after fusion in a service', () => {
  it('look at the fields of the native form, and tell each document why', async () => {
    const service = await testService({ config, reranker });
    const documents = [
      { id: 'code', text: 'lamp Z-9000' },
      { id: 'pinned', text: 'lamp one', signals: { inStock: 'no' } },
      { id: 'stocked', text: 'lamp two', signals: { inStock: true, more: 1 } },
      { id: 'last', text: 'lamp three', signals: { inStock: null } },
    ];
    const { json } = await service.post('/blockrank/rerank', { query: 'lamp Z-9000', documents });
    expect(json.results.map(({ id }: { id: string }) => id)).toEqual(['pinned', 'code', 'stocked', 'last']);
    const [pinned, code, stocked] = json.results;
    expect(code.protectedAs).toBe('identifier');
    expect(pinned.parts.map(({ name }: { name: string }) => name)).toEqual(['ranking', 'inStock', 'pin']);
    expect(stocked.parts[1]).toEqual({ name: 'inStock', value: 3 });
    const scores = json.results.map(({ score }: { score: number }) => score);
    expect(scores).toEqual(scores.toSorted((a: number, b: number) => b - a));
    await service.close();
  });

  it('find no fields in other forms, and do not mistake documents with other fields for those remembered', async () => {
    const service = await testService({ config, reranker });
    const { json } = await service.post('/v1/rerank', { query: 'lamp', documents: ['a', 'b', 'c'] });
    expect(json.results.map(({ index }: { index: number }) => index)).toEqual([2, 1, 0]);
    const orderOf = async (inStock: boolean): Promise<number[]> => {
      const documents = [{ text: 'a', signals: { inStock } }, { text: 'b' }];
      const answer = await service.post('/blockrank/rerank', { query: 'lamp', documents });
      return answer.json.results.map(({ index }: { index: number }) => index);
    };
    expect([await orderOf(false), await orderOf(true)]).toEqual([
      [1, 0],
      [0, 1],
    ]);
    await service.close();
  });
});
