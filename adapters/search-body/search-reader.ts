/** Reads the searches and answers of both servers, and sends nothing. */
import type { SearchReader } from '../adapter.ts';
import type { SearchBodySettings } from './options.ts';
import { applyToResponse } from './outcome.ts';
import { planSearch } from './plan.ts';
import { refusedChanges } from './refused-changes.ts';
import { shortlistOf } from './shortlist.ts';

/** Makes a reader of searches and answers. The reader fetches no states from a sidecar; that takes an adapter. */
export function searchReader<Request extends object, Response>(
  settings: SearchBodySettings,
): SearchReader<Request, Response> & Required<Pick<SearchReader<Request, Response>, 'refusedChanges'>> {
  return {
    name: settings.adapter,
    plan: (request, options) => planSearch(request, options, settings),
    refusedChanges,
    toShortlist: (plan, response) => shortlistOf(plan, response, settings),
    applyOutcome: (plan, response, outcome) => applyToResponse(plan, response, outcome, settings) as Response,
  };
}
