/** A stage that can be exchanged while searches run. */
import { Exchangeable } from '../guard/exchangeable.ts';
import type { RescoringStage } from './stage.ts';

/** A stage with the parts that it needs. */
export interface OwnedStage<Request, Response> {
  /** Searches and reranks. */
  readonly stage: RescoringStage<Request, Response>;
  /** Closes the stage and its parts. */
  close(): Promise<void>;
}

/** See {@link switchableStage}. */
export interface SwitchableStage<Request, Response> extends RescoringStage<Request, Response> {
  /**
   * Gives later searches to another stage. Resolves once the last search of the former stage is answered, and the
   * former stage is closed.
   */
  switchTo(next: OwnedStage<Request, Response>): Promise<void>;
}

/**
 * A stage that can be exchanged for another: searches in hand end on the stage that they began on, and none waits.
 * Closing it closes the stage in use.
 */
export function switchableStage<Request, Response>(
  first: OwnedStage<Request, Response>,
): SwitchableStage<Request, Response> {
  const stages = new Exchangeable(first);
  return {
    get breakerState() {
      return stages.current.stage.breakerState;
    },
    search: (request, options) => stages.use(({ stage }) => stage.search(request, options)),
    searchMany: (requests, options) => stages.use(({ stage }) => stage.searchMany(requests, options)),
    async switchTo(next) {
      const before = await stages.replace(next);
      await before.close();
    },
    close: () => stages.current.close(),
  };
}
