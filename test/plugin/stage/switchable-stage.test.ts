import { describe, expect, it } from 'vitest';
import { type OwnedStage, rescoringStage, switchableStage } from '../../../plugin/stage/index.ts';
import { type FakeRerankerOptions, fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';

const hits = [
  { id: 'a', text: 'beans' },
  { id: 'b', text: 'stars' },
];

type Owned = OwnedStage<MemoryRequest, MemoryResponse> & { readonly closed: string[] };

function owned(name: string, closed: string[], options: FakeRerankerOptions = {}): Owned {
  const stage = rescoringStage({ adapter: memoryAdapter(hits), reranker: fakeReranker(options) });
  return {
    stage,
    closed,
    close: async () => {
      closed.push(name);
      await stage.close();
    },
  };
}

function gate(): { readonly passed: Promise<void>; open(): void } {
  let open!: () => void;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const ids = ({ hits: found }: MemoryResponse): string[] => found.map(({ id }) => id);
const upsideDown: FakeRerankerOptions = { logit: (_candidate, _query, index) => -index };

describe('switchableStage', () => {
  it('ends searches on the stage that they began on, and closes it after the last', async () => {
    const closed: string[] = [];
    const waiting = gate();
    const stage = switchableStage(owned('first', closed, { fault: () => waiting.passed }));
    const begun = stage.search({ query: 'stars' });
    const switched = stage.switchTo(owned('second', closed, upsideDown));
    expect(ids(await stage.search({ query: 'stars' }))).toEqual(['a', 'b']);
    expect(closed).toEqual([]);
    waiting.open();
    expect(ids(await begun)).toEqual(['b', 'a']);
    await switched;
    expect(closed).toEqual(['first']);
    await stage.close();
    expect(closed).toEqual(['first', 'second']);
  });

  it('closes a stage that nobody uses at once, and goes on after a search that failed', async () => {
    const closed: string[] = [];
    const stage = switchableStage(owned('first', closed));
    await expect(stage.search({ query: 'stars' }, { rankWindowSize: -1 })).rejects.toThrow(RangeError);
    await stage.switchTo(owned('second', closed));
    expect(closed).toEqual(['first']);
    await stage.switchTo(owned('third', closed));
    expect(closed).toEqual(['first', 'second']);
    expect(await stage.searchMany([{ query: 'stars' }, { query: 'beans' }])).toHaveLength(2);
    expect(stage.breakerState).toBe('closed');
  });
});
