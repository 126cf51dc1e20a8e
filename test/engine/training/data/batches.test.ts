import { describe, expect, it } from 'vitest';
import { createBatches } from '../../../../engine/training/data/batches.ts';
import { splitQueries } from '../../../../engine/training/data/split.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';

const lists = (set: string, count: number): TrainingList[] =>
  Array.from({ length: count }, (_, i) => ({ set, queryId: String(i), query: '', documents: [] }));
const all = [...lists('a', 7), ...lists('b', 4)];
const name = ({ set, queryId }: TrainingList): string => set + queryId;

describe('createBatches', () => {
  it.each(['mixed', 'one-set'] as const)('reads each list once an epoch, %s', (mixing) => {
    const batches = createBatches(all, { size: 3, mixing });
    expect(batches.perEpoch).toBe(mixing === 'mixed' ? 4 : 5);
    const epochs = [0, 1].map((epoch) =>
      Array.from({ length: batches.perEpoch }, (_, i) => batches.at(epoch * batches.perEpoch + i)).flat(),
    );
    for (const epoch of epochs) expect(epoch.map(name).sort()).toEqual(all.map(name).sort());
    expect(epochs[0]!.map(name)).not.toEqual(epochs[1]!.map(name));
  });

  it('fills a step from one collection where asked, and from several otherwise', () => {
    const setsOf = (mixing: 'mixed' | 'one-set'): number[] => {
      const batches = createBatches(all, { size: 3, mixing });
      return Array.from({ length: 20 }, (_, i) => new Set(batches.at(i).map(({ set }) => set)).size);
    };
    expect(Math.max(...setsOf('one-set'))).toBe(1);
    expect(Math.max(...setsOf('mixed'))).toBe(2);
  });

  it('gives a step without those before it, so that a resumed training goes on', () => {
    const whole = createBatches(all, { size: 2, seed: 5 });
    const steps = Array.from({ length: 30 }, (_, i) => whole.at(i).map(name));
    for (const i of [29, 3, 17]) {
      expect(createBatches(all, { size: 2, seed: 5 }).at(i).map(name)).toEqual(steps[i]);
    }
    expect(createBatches(all, { size: 2, seed: 6 }).at(0).map(name)).not.toEqual(steps[0]);
  });

  it('refuses steps without lists', () => {
    expect(() => createBatches([], { size: 2 })).toThrow(RangeError);
    expect(() => createBatches(all, { size: 0 })).toThrow(RangeError);
  });
});

describe('splitQueries', () => {
  const queries = new Map(Array.from({ length: 1000 }, (_, i) => [`q${i}`, `question ${i}`]));

  it('parts queries by chance, each on one side', () => {
    const { training, development } = splitQueries(queries, { share: 0.2 });
    expect([...training, ...development].sort()).toEqual([...queries.keys()].sort());
    // Three standard deviations of 1000 draws.
    expect(Math.abs(development.length - 200)).toBeLessThan(38);
    expect(splitQueries(queries, { share: 0.2, seed: 1 }).development).not.toEqual(development);
    expect(splitQueries(queries, { share: 0 }).development).toEqual([]);
    expect(splitQueries(queries, { share: 1 }).training).toEqual([]);
  });

  it('keeps queries of the same words on one side, and sides when the collection grows', () => {
    const same = new Map(
      [...queries].flatMap(([id, text]) => [
        [id, text],
        [`${id}b`, `${text.toUpperCase()}?`],
      ]),
    );
    const { development } = splitQueries(same, { share: 0.2 });
    const [old, again] = [splitQueries(queries, { share: 0.2 }).development, new Set(development)];
    expect(old.every((id) => again.has(id) && again.has(`${id}b`))).toBe(true);
    expect(development).toHaveLength(2 * old.length);
  });
});
