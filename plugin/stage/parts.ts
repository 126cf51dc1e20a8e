/** An open stage's parts, and the state of one request on its way through them. */
import type { Plan, SearchOptions } from '../../adapters/adapter.ts';
import type { Budget } from '../guard/budget.ts';
import type { LanguageGuard } from '../guard/language-guard.ts';
import type { StageEvents } from './events.ts';
import type { StageSettings } from './options.ts';
import type { Ranker } from './ranker.ts';
import type { RankingMemory } from './ranking-memory.ts';
import type { Wish } from './search-options.ts';

/** An open stage's parts. */
export interface StageParts<Request, Response> {
  readonly settings: StageSettings<Request, Response>;
  readonly ranker: Ranker;
  readonly memory: RankingMemory;
  readonly guard: LanguageGuard;
  readonly events: Required<StageEvents>;
  /** Adapter and reranker, as every event names them. */
  readonly source: { readonly adapter: string; readonly reranker: string };
}

/** One request under way. */
export interface RunningSearch<Request, Response> {
  readonly wish: Wish;
  readonly budget: Budget;
  readonly startedMs: number;
  readonly firstStageMs: number;
  /** Runs another plan of the same request, as its first plan was run. */
  readonly send: (plan: Plan<Request>, options: SearchOptions) => Promise<Response>;
}
