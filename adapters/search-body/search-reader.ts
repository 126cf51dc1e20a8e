/** Reads the searches and answers of both servers, and sends nothing. */
import type { Plan, SearchReader } from '../adapter.ts';
import type { SearchBodySettings } from './options.ts';
import { applyToResponse } from './outcome.ts';
import { planSearch } from './plan.ts';
import { refusedChanges } from './refused-changes.ts';
import { type MergedHits, mergeSecondSearch, planSecondSearch, vectorFieldOf } from './second-search.ts';
import { shortlistOf } from './shortlist.ts';

/** A reader of both servers' searches, which can search again, by vectors. */
export type SearchBodyReader<Request, Response> = Omit<SearchReader<Request, Response>, 'mergeSecondSearch'> &
  Required<Pick<SearchReader<Request, Response>, 'refusedChanges' | 'planSecondSearch'>> & {
    /** As of any reader; it also tells which hits of the second search are new. */
    mergeSecondSearch(
      plan: Plan<Request>,
      response: Response,
      second: Response,
    ): MergedHits<Request, Response>;
  };

/** Makes a reader of searches and answers. The reader fetches no states from a sidecar; that takes an adapter. */
export function searchReader<Request extends object, Response>(
  settings: SearchBodySettings,
): SearchBodyReader<Request, Response> {
  const vectorField = vectorFieldOf(settings.states);
  return {
    name: settings.adapter,
    ...(vectorField !== undefined && { vectorField }),
    plan: (request, options) => planSearch(request, options, settings),
    refusedChanges,
    planSecondSearch: (plan, wanted) => planSecondSearch(plan, wanted, settings),
    mergeSecondSearch: (plan, response, second) => mergeSecondSearch(plan, response, second, settings),
    toShortlist: (plan, response) => shortlistOf(plan, response, settings),
    applyOutcome: (plan, response, outcome) => applyToResponse(plan, response, outcome, settings) as Response,
  };
}
