import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { FirstStageError, type Shortlist } from '../../../engine/index.ts';
import { prometheusStageMetrics, rescoringStage, type StageEvents } from '../../../plugin/stage/index.ts';
import { type FakeRerankerOptions, fakeReranker } from '../../../plugin/testing/index.ts';
import { type MemoryAdapter, memoryAdapter } from '../../support/doubles/memory-adapter.ts';

const hits = [
  { id: 'a', text: 'beans' },
  { id: 'b', text: 'stars' },
];

/** An adapter whose server keeps states beside the documents. */
function stated(addStates: NonNullable<MemoryAdapter['addStates']>): MemoryAdapter {
  return { ...memoryAdapter(hits), addStates };
}

const withBytes = (shortlist: Shortlist): Shortlist => ({
  ...shortlist,
  asksStates: true,
  candidates: shortlist.candidates.map((one, i) => ({ ...one, storedState: new Uint8Array([i]) })),
});

const refused = new FirstStageError('no', { adapter: 'memory' });
const counted = { found: 1, missing: 1, stale: 0, foreign: 0, damaged: 0 };
const counting: FakeRerankerOptions = {
  answer: (ranking) => ({
    ...ranking,
    usage: { ...ranking.usage, statesFound: 1, statesEncoded: 1, storedStates: counted },
  }),
};

describe('a stage whose adapter fetches block states', () => {
  it('gives the reranker the list with the states, and says how long that took', async () => {
    const reranker = fakeReranker();
    const stage = rescoringStage({
      adapter: stated(async ({ shortlist }) => withBytes(shortlist)),
      reranker,
    });
    const { blockrank } = await stage.search({ query: 'stars' });
    expect(reranker.calls[0]!.candidates.map(({ storedState }) => storedState)).toEqual([
      new Uint8Array([0]),
      new Uint8Array([1]),
    ]);
    expect(blockrank).toMatchObject({ reranked: true, timings: { statesMs: expect.any(Number) } });
  });

  it('reranks without states when they cannot be fetched, and tells who watches', async () => {
    const failures: unknown[] = [];
    const events: StageEvents = { failure: ({ phase, error }) => failures.push([phase, error]) };
    const reranker = fakeReranker();
    const adapter = stated(() => Promise.reject(refused));
    const stage = rescoringStage({ adapter, reranker, events, onFailure: 'throw' });
    const { hits: found, blockrank } = await stage.search({ query: 'stars' });
    expect(found.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(blockrank).toMatchObject({ reranked: true });
    expect(failures).toEqual([['states', refused]]);
  });

  it('keeps the deadline while states hang, and says what it was busy with', async () => {
    const stage = rescoringStage({ adapter: stated(() => new Promise(() => {})), reranker: fakeReranker() });
    const { blockrank } = await stage.search({ query: 'stars' }, { deadlineMs: 200 });
    expect(blockrank).toMatchObject({ reranked: false, reason: 'deadline' });
    expect(blockrank!.error!.message).toContain('during "states"');
  });

  it('fetches nothing for a list whose order is known', async () => {
    let fetched = 0;
    const adapter = stated(async ({ shortlist }) => {
      fetched += 1;
      return withBytes(shortlist);
    });
    const stage = rescoringStage({ adapter, reranker: fakeReranker() });
    await stage.search({ query: 'stars', size: 1 });
    await stage.search({ query: 'stars', from: 1, size: 1 });
    expect(fetched).toBe(1);
  });

  it('counts what was found and what was not, once a ranking', async () => {
    const registry = new Registry();
    const adapter = stated(async ({ shortlist }) => withBytes(shortlist));
    const reranker = fakeReranker(counting);
    const stage = rescoringStage({ adapter, reranker, events: prometheusStageMetrics(registry) });
    const { blockrank } = await stage.search({ query: 'stars' });
    await stage.search({ query: 'stars' });
    expect(blockrank!.usage).toMatchObject({ storedStates: counted });
    const text = await registry.metrics();
    const labels = 'adapter="memory",reranker="fake"';
    expect(text).toContain(`blockrank_stage_states_total{${labels},result="encoded"} 1\n`);
    expect(text).toContain(`blockrank_stage_states_total{${labels},result="found"} 1\n`);
    expect(text).toContain(`blockrank_stage_stored_states_total{${labels},result="found"} 1\n`);
    expect(text).toContain(`blockrank_stage_stored_states_total{${labels},result="missing"} 1\n`);
    expect(text).toContain(`blockrank_stage_stored_states_total{${labels},result="stale"} 0\n`);
    expect(text).toContain(`blockrank_stage_duration_seconds_count{${labels},part="states"} 1\n`);
  });
});
