/** What the lists of one step say together. */
import type { LearntList } from './list-runs.ts';

/** Sums over lists, in the order in which they are added. */
export class GradientSum {
  #count = 0;
  #loss = 0;
  readonly #parts = new Map<string, number>();
  readonly #gradients = new Map<string, Float32Array>();

  /** Adds a list. */
  add({ loss, parts, gradients }: LearntList): void {
    this.#count += 1;
    this.#loss += loss;
    for (const [name, part] of Object.entries(parts))
      this.#parts.set(name, (this.#parts.get(name) ?? 0) + part);
    for (const [name, gradient] of gradients) this.#addGradient(name, gradient);
  }

  #addGradient(name: string, gradient: Float32Array): void {
    const sum = this.#gradients.get(name);
    if (!sum) this.#gradients.set(name, gradient);
    else for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient[i]!;
  }

  /** Means over the lists. Ends the sum: the gradients are its own arrays. */
  mean(): LearntList {
    const count = this.#count;
    const parts = [...this.#parts].map(([name, part]) => [name, part / count] as const);
    for (const sum of this.#gradients.values()) for (let i = 0; i < sum.length; i += 1) sum[i]! /= count;
    return { loss: this.#loss / count, parts: Object.fromEntries(parts), gradients: this.#gradients };
  }
}
