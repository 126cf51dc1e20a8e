import { describe, expect, it } from 'vitest';
import { toBatches } from '../../../engine/states/batches.ts';
import { nobodyWaits, SharedBatches } from '../../../engine/states/shared-batches.ts';

/** Batches that wait until the test lets them go; a block is encoded as its first id. */
function gatedBatches(workers = 1, batchTokens = 4, ahead = 1) {
  const runs: { ids: number[]; open: () => void; fail: (error: Error) => void; signal: AbortSignal }[] = [];
  const batches = new SharedBatches<number>({
    workers,
    batchTokens,
    ahead,
    encode: (blocks, { signal }) =>
      new Promise((resolve, reject) => {
        const ids = blocks.map((block) => block[0]!);
        runs.push({ ids, open: () => resolve(ids), fail: reject, signal: signal! });
      }),
  });
  return { batches, runs };
}

function request(batches: SharedBatches<number>, ids: readonly number[], tokens = 2, isSettled = false) {
  const owner = { wanted: 1, onUnwanted: () => {} };
  const results = ids.map((id) => {
    const block = new Int32Array(tokens).fill(id);
    return { block, done: withResolvers<number>() };
  });
  for (const { done } of results) done.promise.catch(() => {});
  batches.add(
    results.map(({ block, done }) => ({ tokens: block, owner, resolve: done.resolve, reject: done.reject })),
    isSettled,
  );
  const leave = (): void => {
    owner.wanted = 0;
    owner.onUnwanted();
  };
  return { results: results.map(({ done }) => done.promise), leave };
}

function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

describe('SharedBatches', () => {
  it('puts documents of several requests into one batch when the workers are busy', async () => {
    const { batches, runs } = gatedBatches();
    request(batches, [1, 2, 3, 4]); // two batches: one runs, one is at hand
    const second = request(batches, [5]);
    const third = request(batches, [6]);
    runs[0]!.open();
    await settle();
    expect(runs.map(({ ids }) => ids)).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    runs[1]!.open();
    runs[2]!.open();
    expect(await Promise.all([...second.results, ...third.results])).toEqual([5, 6]);
  });

  it('batches a list that comes alone by its lengths, always in the same way', async () => {
    const { batches, runs } = gatedBatches(1, 8);
    const lengths = [3, 1, 4, 1, 5, 2, 6];
    const owner = { wanted: 1, onUnwanted: () => {} };
    batches.add(
      lengths.map((length, id) => ({
        tokens: new Int32Array(length).fill(id),
        owner,
        resolve: () => {},
        reject: () => {},
      })),
    );
    for (let i = 0; i < runs.length; i += 1) {
      runs[i]!.open();
      await settle();
    }
    const planned = toBatches(lengths, { batchTokens: 8, workers: 1 });
    expect(runs.map(({ ids }) => ids.toSorted()).toSorted()).toEqual(
      planned.map((batch) => [...batch].toSorted()).toSorted(),
    );
  });

  it('leaves batches that are full as they are, and serves them in their turn', async () => {
    const { batches, runs } = gatedBatches();
    request(batches, [1, 2, 3, 4]); // two batches: one runs, one is at hand
    request(batches, [5], 1);
    request(batches, [6, 7], 2, true);
    request(batches, [8], 1);
    for (let i = 0; i < runs.length; i += 1) {
      runs[i]!.open();
      await settle();
    }
    expect(runs.slice(2).map(({ ids }) => ids)).toEqual([
      [5, 8],
      [6, 7],
    ]);
  });

  it('has as many batches at hand as it is told', () => {
    const { batches, runs } = gatedBatches(1, 2, 2);
    request(batches, [1, 2, 3, 4, 5]);
    expect(runs).toHaveLength(3); // one runs, two are at hand
  });

  it('serves who came first before who came later, whatever the lengths', async () => {
    const { batches, runs } = gatedBatches();
    request(batches, [1, 2, 3, 4]);
    request(batches, [5, 6], 1); // short
    request(batches, [7, 8, 9, 10], 3); // longer, later
    runs[0]!.open();
    await settle();
    expect(runs[2]!.ids).toContain(5);
  });

  it('never encodes what nobody waits for any more', async () => {
    const { batches, runs } = gatedBatches();
    request(batches, [1, 2, 3, 4]);
    const gone = request(batches, [5, 6]);
    const stays = request(batches, [7]);
    gone.leave();
    runs[0]!.open();
    await settle();
    runs[1]!.open();
    await settle();
    expect(runs.slice(2).flatMap(({ ids }) => ids)).toEqual([7]);
    await expect(gone.results[0]).rejects.toBe(nobodyWaits);
    runs[2]!.open();
    expect(await stays.results[0]).toBe(7);
  });

  it('takes a batch out of the pool once none of its requests waits', async () => {
    const { batches, runs } = gatedBatches();
    const only = request(batches, [1]);
    expect(runs[0]!.signal.aborted).toBe(false);
    only.leave();
    expect(runs[0]!.signal.aborted).toBe(true);
  });

  it('fails the documents of a failed batch and goes on with the next', async () => {
    const { batches, runs } = gatedBatches();
    const { results } = request(batches, [1, 2, 3, 4, 5, 6]);
    runs[0]!.fail(new Error('the device is gone'));
    await settle();
    for (const run of runs.slice(1)) run.open();
    await settle();
    for (const run of runs.slice(1)) run.open();
    const settled = await Promise.allSettled(results);
    expect(settled.map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
  });
});
