/** Queries of six topics, and five rerankers each of which is good at some. */
import type { Embeddings } from '../../../engine/index.ts';
import { normalNumber, seededRandom } from '../../../engine/laboratory.ts';

/** See the file's header. */
export interface RoutingFixture {
  readonly embeddings: Embeddings;
  /** Each query's topic. */
  readonly topics: readonly number[];
  /** Shape `[queries, rerankers]`; 0 or 1, as the paper's. */
  readonly losses: readonly (readonly number[])[];
  readonly costsMs: readonly number[];
  /** Chance of each reranker to be right, by topic; shape `[topics, rerankers]`. */
  readonly chances: readonly (readonly number[])[];
}

const [topicCount, width] = [6, 16];
const costsMs = [1, 2, 4, 8, 16];

/** Draws a fixture: dearer rerankers are better on average, and each is better or worse at each topic. */
export function routingFixture(seed: number, queries = 400): RoutingFixture {
  const random = seededRandom(seed);
  const normal = (): number => normalNumber(random);
  const centres = Array.from({ length: topicCount }, () => Array.from({ length: width }, normal));
  const chances = centres.map(() =>
    costsMs.map((_, r) => Math.min(0.97, Math.max(0.03, 0.4 + 0.06 * r + 0.25 * normal()))),
  );
  const topics = Array.from({ length: queries }, () => Math.floor(random() * topicCount));
  const rows = topics.flatMap((topic) => centres[topic]!.map((value) => value + 0.8 * normal()));
  const losses = topics.map((topic) => chances[topic]!.map((chance) => (random() < chance ? 0 : 1)));
  return { embeddings: { width, rows: Float32Array.from(rows) }, topics, losses, costsMs, chances };
}
