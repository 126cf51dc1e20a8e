import { describe, expect, it } from 'vitest';
import { choosePath, listPolicy, type PathQuestion } from '../../../../engine/rerank/decoder/list-path.ts';

const free = { host: 0, device: 0 };
const ask = (asked: Partial<PathQuestion>) =>
  choosePath({
    tokens: 3000,
    policy: listPolicy('cpu'),
    needs: { 'one-run': free, batches: free },
    allowed: { host: 100, device: 100 },
    ...asked,
  });

describe('listPolicy', () => {
  it('takes short lists in one run on a processor, or lists of as many tokens as the operator lets one run take', () => {
    expect(listPolicy('cpu')).toEqual({ attention: 'fused', buckets: 4, mostTokens: 4096 });
    expect(listPolicy('cpu', { batchTokens: 40 }).mostTokens).toBe(40);
  });

  it('takes every list in one run on a card, and trusts the fused operator where it is right and takes the type', () => {
    const mostTokens = Number.POSITIVE_INFINITY;
    const half = { computeType: 'float16', batchTokens: 40 } as const;
    expect(listPolicy('cuda', half)).toMatchObject({ attention: 'fused', mostTokens });
    expect(listPolicy('cuda')).toMatchObject({ attention: 'products', mostTokens });
    expect(listPolicy('webgpu', half)).toMatchObject({ attention: 'products', mostTokens });
  });

  it('knows no other provider', () => {
    expect(() => listPolicy('npu' as 'cpu')).toThrow(TypeError);
  });
});

describe('choosePath', () => {
  it('goes by tokens on a processor', () => {
    expect(ask({ tokens: 4096 })).toEqual({ path: 'one-run' });
    expect(ask({ tokens: 4097 })).toEqual({ path: 'batches' });
    expect(ask({ tokens: 100_000, policy: listPolicy('cuda') })).toEqual({ path: 'one-run' });
  });

  it('goes in batches where one run would not fit, whichever memory is too small', () => {
    for (const memory of ['host', 'device'] as const) {
      const needs = { 'one-run': { ...free, [memory]: 101 }, batches: { host: 100, device: 100 } };
      expect(ask({ needs })).toEqual({ path: 'batches' });
    }
  });

  it('names the shortage of the path that is nearest to fitting', () => {
    const needs = { 'one-run': { host: 0, device: 900 }, batches: { host: 150, device: 800 } };
    expect(ask({ needs })).toEqual({
      shortage: { memory: 'host', neededBytes: 150, allowedBytes: 100 },
    });
    const swapped = { 'one-run': needs.batches, batches: needs['one-run'] };
    expect(ask({ needs: swapped, tokens: 5000 })).toEqual({
      shortage: { memory: 'device', neededBytes: 900, allowedBytes: 100 },
    });
  });
});
