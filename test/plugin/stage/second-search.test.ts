import { Registry } from 'prom-client';
import { describe, expect, it, vi } from 'vitest';
import { embeddedAdapter } from '../../../adapters/embedded/index.ts';
import { ConfigurationError, FirstStageError } from '../../../engine/index.ts';
import {
  prometheusStageMetrics,
  type RescoringStage,
  rescoringStage,
  type StageEvents,
} from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import {
  type MemoryAdapter,
  type MemoryAdapterOptions,
  type MemoryHit,
  type MemoryRequest,
  type MemoryResponse,
  memoryAdapter,
} from '../../support/doubles/memory-adapter.ts';
import { forever, hitsOf, idsOf, type StageOptions } from '../../support/doubles/stage-over.ts';

const readAnchor = async () => ({ values: Float32Array.of(0.6, 0.8), read: 3 });
/** What the second search finds: a hit of the first, and two that are new and better than all of them. */
const near: readonly MemoryHit[] = [
  { id: 'd1', text: 'text 1', score: 0.9 },
  { id: 'n0', text: 'the stars above', score: 0.8 },
  { id: 'n1', text: 'stars', score: 0.7 },
];

interface Opened {
  readonly stage: RescoringStage<MemoryRequest, MemoryResponse>;
  readonly adapter: MemoryAdapter;
  readonly nearest: ReturnType<typeof vi.fn>;
}

function opened(
  options: StageOptions = {},
  { nearest = async () => near, ...more }: Partial<MemoryAdapterOptions> = {},
): Opened {
  const spied = vi.fn(nearest);
  const adapter = memoryAdapter(hitsOf(3), { nearest: spied, ...more });
  const reranker = fakeReranker({ readAnchor });
  const stage = rescoringStage({ adapter, reranker, scoreSteps: [], secondSearch: {}, ...options });
  return { stage, adapter, nearest: spied };
}

const query = 'stars above';

describe('a stage that searches again', () => {
  it('is off by default', async () => {
    const { stage, nearest } = opened({ secondSearch: undefined });
    const { blockrank } = await stage.search({ query });
    expect(nearest).not.toHaveBeenCalled();
    expect(blockrank).not.toHaveProperty('secondSearch');
  });

  it('asks by the anchor that has read the list, and ranks what is new together with it', async () => {
    const { stage, nearest } = opened({ secondSearch: { k: 7, field: 'vectors' } });
    const response = await stage.search({ query });
    const [wanted] = nearest.mock.calls[0]!;
    expect(wanted).toEqual({ k: 7, field: 'vectors', vector: [...Float32Array.of(0.6, 0.8)] });
    expect(idsOf(response)).toEqual(['n0', 'n1', 'd0', 'd1', 'd2']);
    expect(response.total).toBe(3);
    expect(response.blockrank!.secondSearch).toEqual({
      read: 3,
      found: 3,
      added: 2,
      tookMs: expect.any(Number),
    });
    expect(response.hits.map(({ blockrank }) => blockrank!.fromSecondSearch)).toEqual([
      true,
      true,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('takes k and the field from the adapter and the defaults', async () => {
    const { stage, nearest } = opened();
    await stage.search({ query });
    expect(nearest.mock.calls[0]![0]).toMatchObject({ k: 100, field: 'anchors' });
  });

  it('gives added hits no score of the first stage, so that fusion counts them as its last', async () => {
    const reranker = fakeReranker({ readAnchor });
    const { stage } = opened({ reranker });
    await stage.search({ query });
    const [first, merged] = reranker.calls;
    expect(first!.candidates).toHaveLength(3);
    expect(merged!.candidates.map(({ docId, firstStageScore }) => [docId, firstStageScore])).toEqual([
      ['d0', 3],
      ['d1', 2],
      ['d2', 1],
      ['n0', undefined],
      ['n1', undefined],
    ]);
  });

  it('shows the same hits on every page, and ranks them once', async () => {
    const reranker = fakeReranker({ readAnchor });
    const { stage, nearest } = opened({ reranker });
    const pages = [];
    for (const from of [0, 2]) pages.push(await stage.search({ query, from, size: 2 }));
    expect(pages.flatMap(idsOf)).toEqual(['n0', 'n1', 'd0', 'd1']);
    expect(pages[1]!.blockrank).toMatchObject({ cached: true, secondSearch: { added: 2 } });
    // What a caller may see is for the server to say, each time.
    expect([nearest.mock.calls.length, reranker.calls.length]).toEqual([2, 2]);
  });

  it('leaves a page after the window alone', async () => {
    const { stage, nearest } = opened({ rankWindowSize: 2 });
    const response = await stage.search({ query, from: 2, size: 2 });
    expect(response.blockrank).toMatchObject({ reason: 'beyond-window' });
    expect([idsOf(response), nearest.mock.calls.length]).toEqual([['d2'], 0]);
  });

  it('searches again for each search of a multi-search, where one failure touches no other', async () => {
    const { stage } = opened({}, { nearest: async ({ k }) => (k === 1 ? Promise.reject(refused) : near) });
    const [good, bad] = await stage.searchMany([{ query }, { query: 'above' }], {
      each: (_request, i) => ({ secondSearch: { k: i === 0 ? 100 : 1 } }),
    });
    expect((good as MemoryResponse).blockrank).toMatchObject({ secondSearch: { added: 2 } });
    expect((bad as MemoryResponse).blockrank).toMatchObject({ secondSearch: { added: 0, reason: 'error' } });
  });

  it('uses the way to send that the caller brings', async () => {
    const { stage, adapter, nearest } = opened();
    const sent: boolean[] = [];
    await stage.search(
      { query },
      {
        search: (plan, options) => {
          sent.push(plan.isSecondSearch ?? false);
          return adapter.search(plan, options);
        },
      },
    );
    expect([sent, nearest.mock.calls.length]).toEqual([[false, true], 1]);
  });

  it('can be turned off by a call, and on by another', async () => {
    const { stage, nearest } = opened();
    await stage.search({ query }, { secondSearch: false });
    expect(nearest).not.toHaveBeenCalled();
    const off = opened({ secondSearch: false });
    await off.stage.search({ query }, { secondSearch: { k: 5 } });
    expect(off.nearest.mock.calls[0]![0]).toMatchObject({ k: 5 });
  });
});

describe('callers with unlike rights whose first lists are the same', () => {
  /** A way to send for each caller: the server finds what that caller may see. */
  const asked = (visible: readonly MemoryHit[] | Error) => {
    const own = memoryAdapter(hitsOf(3), {
      nearest: async () => {
        if (visible instanceof Error) throw visible;
        return visible;
      },
    });
    return { search: own.search };
  };
  const [all, some, none] = [asked(near), asked(near.slice(0, 2)), asked([])];
  const whole = ['n0', 'n1', 'd0', 'd1', 'd2'];

  it('get the hits of their own second search, whoever came first', async () => {
    for (const order of [
      [all, some, none],
      [none, some, all],
      [some, all, none, all],
    ]) {
      const { stage } = opened();
      for (const caller of order) {
        const { blockrank, ...response } = await stage.search({ query }, { ...caller, explain: true });
        const expected =
          caller === all ? whole : whole.filter((id) => id !== 'n1' && (caller === some || id !== 'n0'));
        expect(idsOf(response)).toEqual(expected);
        expect(blockrank!.secondSearch).toMatchObject({ added: expected.length - 3 });
        expect(JSON.stringify([blockrank, response]).includes('n1')).toBe(caller === all);
      }
    }
  });

  it('get the hits as their own search gives them', async () => {
    const { stage } = opened();
    await stage.search({ query }, all);
    const masked = near.map((hit) => ({ ...hit, text: hit.id === 'n1' ? 'masked' : hit.text }));
    const { hits } = await stage.search({ query }, asked(masked));
    expect(hits.map(({ text }) => text)).not.toContain('stars');
    expect(hits.map(({ text }) => text)).toContain('masked');
  });

  it('are not told what the server said to another one', async () => {
    const { stage } = opened();
    const denied = asked(new FirstStageError('not for the user "ada"', { adapter: 'memory' }));
    const first = await stage.search({ query }, denied);
    expect(first.blockrank!.secondSearch!.error!.message).toContain('ada');
    const other = await stage.search({ query, from: 2, size: 2 }, all);
    expect(other.blockrank!.secondSearch).toMatchObject({ reason: 'error' });
    expect(JSON.stringify(other)).not.toContain('ada');
    expect(idsOf(await stage.search({ query }, all))).toEqual(whole);
    expect(idsOf(await stage.search({ query }, denied))).toEqual(['d0', 'd1', 'd2']);
  });

  it('get them at the same time, too', async () => {
    const { stage } = opened();
    const lists = await Promise.all([all, none, some, all].map((caller) => stage.search({ query }, caller)));
    expect(lists.map((list) => idsOf(list).length)).toEqual([5, 3, 4, 5]);
  });
});

const refused = new FirstStageError('field [anchors] does not exist', { adapter: 'memory' });

describe('a second search that fails', () => {
  const failing = (): Opened & { failures: unknown[] } => {
    const failures: unknown[] = [];
    const events: StageEvents = { failure: ({ phase, error }) => failures.push([phase, error]) };
    return {
      ...opened({ events, onFailure: 'throw' }, { nearest: () => Promise.reject(refused) }),
      failures,
    };
  };

  it('leaves the list as it was ranked, says why, and tells who watches', async () => {
    const { stage, failures } = failing();
    const response = await stage.search({ query });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2']);
    expect(response.blockrank).toMatchObject({
      reranked: true,
      secondSearch: { added: 0, reason: 'error', error: { code: 'first-stage', message: refused.message } },
    });
    expect(failures).toEqual([['second-search', refused]]);
  });

  it('is tried once more when the first page is asked for again', async () => {
    let isDown = true;
    const { stage } = opened({}, { nearest: async () => (isDown ? Promise.reject(refused) : near) });
    await stage.search({ query });
    isDown = false;
    expect((await stage.search({ query, from: 2, size: 2 })).blockrank!.secondSearch!.added).toBe(0);
    expect((await stage.search({ query })).blockrank!.secondSearch!.added).toBe(2);
  });

  it('never costs the list: at the deadline it comes as it was ranked', async () => {
    const { stage } = opened({}, { nearest: forever });
    const response = await stage.search({ query }, { deadlineMs: 150 });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2']);
    expect(response.blockrank).toMatchObject({ reranked: true, secondSearch: { reason: 'deadline' } });
  });

  it('never costs the list where the merged one cannot be ranked', async () => {
    const fault = (call: number) => {
      if (call === 2) throw new Error('the device is gone');
    };
    const { stage } = opened({ reranker: fakeReranker({ readAnchor, fault }) });
    const response = await stage.search({ query });
    expect(idsOf(response)).toEqual(['d0', 'd1', 'd2']);
    expect(response.blockrank!.secondSearch).toMatchObject({ reason: 'error' });
  });

  it('does not search where nothing was read, or where what the request keeps out is not known', async () => {
    const unread = async () => ({ values: Float32Array.of(1, 0), read: 0 });
    const blind = opened({ reranker: fakeReranker({ readAnchor: unread }) });
    expect((await blind.stage.search({ query })).blockrank!.secondSearch).toMatchObject({ reason: 'unread' });
    const { stage, nearest } = opened();
    const { blockrank } = await stage.search({ query: 'restricted' });
    expect(blockrank!.secondSearch).toMatchObject({ read: 3, reason: 'unknown-restriction' });
    expect([blind.nearest.mock.calls.length, nearest.mock.calls.length]).toEqual([0, 0]);
  });

  it('is counted by what came of it', async () => {
    const registry = new Registry();
    const { stage } = opened({ events: prometheusStageMetrics(registry) });
    await stage.search({ query });
    await stage.search({ query: 'restricted' });
    const counted = await registry.getSingleMetricAsString('blockrank_stage_second_searches_total');
    expect(counted).toMatch(/result="added"} 1/);
    expect(counted).toMatch(/result="unknown-restriction"} 1/);
  });
});

describe('the option secondSearch', () => {
  const reranker = fakeReranker({ readAnchor });
  const adapter = memoryAdapter([], { nearest: async () => [] });
  const messageOf = (options: StageOptions): string => {
    try {
      rescoringStage({ adapter, reranker, secondSearch: {}, ...options });
    } catch (error) {
      if (error instanceof ConfigurationError) return error.issues.map(({ message }) => message).join('; ');
      throw error;
    }
    return 'nothing is wrong';
  };

  it.each<[string, StageOptions, RegExp]>([
    ['the adapter cannot search by vectors', { adapter: memoryAdapter([]) }, /"memory" does not/],
    [
      'the index is the embedded one',
      { adapter: embeddedAdapter({ documents: [] }) as never },
      /"embedded" does not/,
    ],
    ['the reranker reads no anchors', { reranker: fakeReranker() }, /"fake" .*has none/],
    [
      'no field of vectors is known',
      { adapter: { ...adapter, vectorField: undefined } as never },
      /blockrank states build --to field --vector/,
    ],
    ['k is no number of hits', { secondSearch: { k: 0 } }, /at least 1/],
    ['a name is not known', { secondSearch: { size: 3 } as never }, /"?size"?/],
  ])('is refused where %s', (_what, options, message) => {
    expect(messageOf(options)).toMatch(message);
  });

  it('is checked for each call too', async () => {
    const stage = rescoringStage({ adapter: memoryAdapter(hitsOf(2)), reranker });
    await expect(stage.search({ query }, { secondSearch: {} })).rejects.toThrow(ConfigurationError);
  });
});
