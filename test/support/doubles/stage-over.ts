/** Stages over hits in memory. */
import {
  type RescoringStage,
  type RescoringStageOptions,
  rescoringStage,
} from '../../../plugin/stage/index.ts';
import { type FakeReranker, fakeReranker } from '../../../plugin/testing/index.ts';
import { type MemoryHit, type MemoryRequest, type MemoryResponse, memoryAdapter } from './memory-adapter.ts';

/** A promise that never settles. */
export const forever = (): Promise<never> => new Promise(() => {});

/** Hits `d0`, `d1`… from the best to the worst. */
export function hitsOf(count: number): readonly MemoryHit[] {
  return Array.from({ length: count }, (_, i) => ({ id: `d${i}`, text: `text ${i}`, score: count - i }));
}

/** A reranker that scores the last hits best. */
export const reversing = (): FakeReranker => fakeReranker({ logit: (_candidate, _query, index) => index });

/** Options of a stage over memory. */
export type StageOptions = Partial<RescoringStageOptions<MemoryRequest, MemoryResponse>>;

/** A stage over these hits that the model reverses, without fusion. */
export function stageOver(
  hits: readonly MemoryHit[],
  options: StageOptions = {},
): RescoringStage<MemoryRequest, MemoryResponse> {
  return rescoringStage({ adapter: memoryAdapter(hits), reranker: reversing(), scoreSteps: [], ...options });
}

/** Ids of the answer's hits, in their order. */
export function idsOf(response: MemoryResponse): readonly string[] {
  return response.hits.map(({ id }) => id);
}
