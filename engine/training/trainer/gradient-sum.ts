/** What the lists of one step say together. */
import { inOrder } from './in-order.ts';
import type { LearntList, ListRuns } from './list-runs.ts';
import type { TrainingList } from './training-list.ts';

/** Learns from lists, as many at once as there are workers. @param whole - Completes a list. @defaultValue it is whole */
export async function meanOf(
  runs: ListRuns,
  lists: readonly TrainingList[],
  whole: (list: TrainingList) => TrainingList | Promise<TrainingList> = (list) => list,
): Promise<LearntList> {
  const sum = new GradientSum();
  const work = async (list: TrainingList): Promise<LearntList> => runs.learn(await whole(list));
  await inOrder(lists, { atOnce: runs.size, work }, (learnt) => sum.add(learnt));
  return sum.mean();
}

/** Sums over lists, in the order in which they are added. */
class GradientSum {
  #count = 0;
  #loss = 0;
  #tokens = 0;
  readonly #parts = new Map<string, number>();
  readonly #gradients = new Map<string, Float32Array>();

  /** Adds a list. */
  add({ loss, parts, tokens, gradients }: LearntList): void {
    this.#count += 1;
    this.#loss += loss;
    this.#tokens += tokens;
    for (const [name, part] of Object.entries(parts))
      this.#parts.set(name, (this.#parts.get(name) ?? 0) + part);
    for (const [name, gradient] of gradients) this.#addGradient(name, gradient);
  }

  #addGradient(name: string, gradient: Float32Array): void {
    const sum = this.#gradients.get(name);
    if (!sum) this.#gradients.set(name, gradient);
    else for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient[i]!;
  }

  /** Means over the lists, and all their tokens. Ends the sum: the gradients are its own arrays. */
  mean(): LearntList {
    const count = this.#count;
    const parts = [...this.#parts].map(([name, part]) => [name, part / count] as const);
    for (const sum of this.#gradients.values()) for (let i = 0; i < sum.length; i += 1) sum[i]! /= count;
    return {
      loss: this.#loss / count,
      parts: Object.fromEntries(parts),
      tokens: this.#tokens,
      gradients: this.#gradients,
    };
  }
}
