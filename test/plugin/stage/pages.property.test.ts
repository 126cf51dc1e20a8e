import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InferenceError, QueryError, type Ranking } from '../../../engine/index.ts';
import { rescoringStage } from '../../../plugin/stage/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { type MemoryHit, type MemoryResponse, memoryAdapter } from '../../support/doubles/memory-adapter.ts';

const score = fc.constantFrom(
  undefined,
  Number.NaN,
  -9.5e9,
  Number.POSITIVE_INFINITY,
  0,
  -0,
  1,
  1,
  7.25,
  1e308,
);

// Ids repeat on purpose; the text tells the hits apart.
const storedHits = fc
  .array(fc.record({ id: fc.constantFrom('a', 'b', 'c', 'd'), score, isPinned: fc.boolean() }), {
    maxLength: 60,
  })
  .map((list) =>
    list.map(({ id, score: firstStageScore, isPinned }, i): MemoryHit => {
      const hit = { id, text: `text ${i}`, isPinned: isPinned && i % 5 === 0 };
      return firstStageScore === undefined ? hit : { ...hit, score: firstStageScore };
    }),
  );

type Fault =
  | 'none'
  | 'throws'
  | 'no words'
  | 'loses one'
  | 'doubles one'
  | 'NaN logit'
  | 'not an answer'
  | 'hangs'
  | 'is slow';
const fault = fc.constantFrom<Fault>(
  'none',
  'none',
  'throws',
  'no words',
  'loses one',
  'doubles one',
  'NaN logit',
  'not an answer',
);

const scene = fc.record({
  hits: storedHits,
  rankWindowSize: fc.integer({ min: 1, max: 70 }),
  size: fc.integer({ min: 1, max: 25 }),
  faults: fc.array(fault, { maxLength: 12 }),
  seed: fc.integer(),
  pageOrder: fc
    .infiniteStream(fc.double({ min: 0, max: 1, noNaN: true }))
    .map((stream) => [...stream.take(80)]),
  isConcurrent: fc.boolean(),
  firstStage: fc.constantFrom('lexical' as const, 'vector' as const, 'unknown' as const),
});

/** A reranker whose n-th call has the n-th fault; its order is a hash of text and seed, with ties. */
function faultyReranker({ faults, seed, readsInTime = [] }: Pick<Scene, 'faults' | 'seed' | 'readsInTime'>) {
  let calls = 0;
  return fakeReranker({
    readsInTime: (call) => readsInTime[call % readsInTime.length] ?? Number.POSITIVE_INFINITY,
    logit: ({ text }) => (Math.imul(Number(text.slice(5)) + 7, seed | 1) >>> 5) % 8,
    fault: (call) => {
      calls = call;
      const now = faults[call - 1] ?? 'none';
      if (now === 'throws') throw new InferenceError('the device is gone', { executionProvider: 'none' });
      if (now === 'no words') throw new QueryError('no words');
      if (now === 'is slow') return new Promise((resolve) => setTimeout(resolve, 10));
      return now === 'hangs' ? new Promise(() => {}) : undefined;
    },
    answer: (ranking) => broken(ranking, faults[calls - 1] ?? 'none'),
  });
}

function broken(ranking: Ranking, now: Fault): Ranking {
  const { candidates } = ranking;
  const [first] = candidates;
  if (now === 'loses one') return { ...ranking, candidates: candidates.slice(1) };
  if (now === 'doubles one') return { ...ranking, candidates: [...candidates.slice(0, -1), first!] };
  if (now === 'NaN logit')
    return { ...ranking, candidates: [{ ...first!, logit: Number.NaN }, ...candidates.slice(1)] };
  if (now === 'not an answer') return {} as Ranking;
  return ranking;
}

interface Scene {
  readonly hits: readonly MemoryHit[];
  readonly rankWindowSize: number;
  readonly size: number;
  readonly faults: readonly Fault[];
  readonly seed: number;
  readonly pageOrder: readonly number[];
  readonly isConcurrent: boolean;
  readonly firstStage: 'lexical' | 'vector' | 'unknown';
  /** How many documents calls read in time, in turn. @defaultValue all */
  readonly readsInTime?: readonly number[];
}

/** Every page of the list, asked for in the scene's order, joined in page order. */
async function allPages(given: Scene, deadlinesMs: readonly number[] = []): Promise<readonly string[]> {
  const { hits, rankWindowSize, size, pageOrder, isConcurrent, firstStage } = given;
  const stage = rescoringStage({
    adapter: memoryAdapter(hits, { firstStage }),
    reranker: faultyReranker(given),
    rankWindowSize,
  });
  const count = Math.ceil(hits.length / size) + 1;
  const order = Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => (pageOrder[a] ?? 0) - (pageOrder[b] ?? 0),
  );
  const pages: MemoryResponse[] = [];
  const fetch = async (page: number): Promise<void> => {
    const deadlineMs = deadlinesMs[page % deadlinesMs.length];
    pages[page] = await stage.search({ query: 'words', from: page * size, size }, { deadlineMs });
  };
  if (isConcurrent) await Promise.all(order.map(fetch));
  else for (const page of order) await fetch(page);
  await stage.close();
  return pages.flatMap((page) => page.hits.map(({ text }) => text));
}

describe('pages of one list', () => {
  it('hold every first-stage hit exactly once, whatever fails', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (given) => {
        const texts = given.hits.map(({ text }) => text);
        expect([...(await allPages(given))].sort()).toEqual([...texts].sort());
      }),
      { numRuns: 400 },
    );
  });

  it('hold every first-stage hit exactly once when some of them run out of time', async () => {
    const slow = scene.chain((given) =>
      fc
        .array(fc.constantFrom<Fault>('none', 'hangs'), { maxLength: 6 })
        .map((faults) => ({ ...given, faults })),
    );
    await fc.assert(
      fc.asyncProperty(slow, async (given) => {
        const texts = given.hits.map(({ text }) => text);
        expect([...(await allPages(given, [100, 4]))].sort()).toEqual([...texts].sort());
      }),
      { numRuns: 60 },
    );
  });

  it('hold every first-stage hit exactly once, however little of the list each call reads in time', async () => {
    const reads = fc.array(fc.nat({ max: 70 }), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(scene, reads, async (given, readsInTime) => {
        const texts = given.hits.map(({ text }) => text);
        const all = await allPages({ ...given, readsInTime }, [60_000]);
        expect([...all].sort()).toEqual([...texts].sort());
      }),
      { numRuns: 100 },
    );
  });

  it('are in first-stage order from end to end when every call fails', async () => {
    await fc.assert(
      fc.asyncProperty(scene, async (given) => {
        const faults = Array.from({ length: 80 }, () => 'throws' as const);
        expect(await allPages({ ...given, faults })).toEqual(given.hits.map(({ text }) => text));
      }),
      { numRuns: 60 },
    );
  });
});
