/** What the lists of one step say together. */
import type { Gradients } from '../optimisers/clipping.ts';
import { inOrder } from './in-order.ts';
import type { LearntList, ListRuns } from './list-runs.ts';
import type { TrainingList } from './training-list.ts';

/**
 * Learns from lists, as many at once as there are workers.
 *
 * @param whole - Completes a list. @defaultValue it is whole
 * @returns What they say; the gradients are to be given back by `ListRuns.takeBack`.
 */
export async function meanOf(
  runs: ListRuns,
  lists: readonly TrainingList[],
  whole: (list: TrainingList) => TrainingList | Promise<TrainingList> = (list) => list,
): Promise<LearntList> {
  const sum = new GradientSum();
  const work = async (list: TrainingList): Promise<LearntList> => runs.learn(await whole(list));
  await inOrder(lists, { atOnce: runs.size, work }, (learnt) => {
    const isSum = sum.add(learnt);
    if (!isSum) runs.takeBack(learnt.gradients);
  });
  return sum.mean();
}

/** Sums over lists, in the order in which they are added. */
class GradientSum {
  #count = 0;
  #loss = 0;
  #tokens = 0;
  readonly #parts = new Map<string, number>();
  #gradients: Gradients | undefined;

  /** Adds a list. @returns Whether its gradients are the sum from now on. */
  add({ loss, parts, tokens, gradients }: LearntList): boolean {
    this.#count += 1;
    this.#loss += loss;
    this.#tokens += tokens;
    for (const [name, part] of Object.entries(parts))
      this.#parts.set(name, (this.#parts.get(name) ?? 0) + part);
    if (!this.#gradients) {
      this.#gradients = gradients;
      return true;
    }
    for (const [name, sum] of this.#gradients) addTo(sum, gradients.get(name)!);
    return false;
  }

  /** Means over the lists, and all their tokens. Ends the sum: the gradients are its own arrays. */
  mean(): LearntList {
    const count = this.#count;
    const parts = [...this.#parts].map(([name, part]) => [name, part / count] as const);
    const gradients = this.#gradients ?? new Map<string, Float32Array>();
    for (const sum of gradients.values()) for (let i = 0; i < sum.length; i += 1) sum[i]! /= count;
    return {
      loss: this.#loss / count,
      parts: Object.fromEntries(parts),
      tokens: this.#tokens,
      gradients,
    };
  }
}

function addTo(sum: Float32Array, gradient: Float32Array): void {
  for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient[i]!;
}
