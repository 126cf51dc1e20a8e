/** What both servers' searches and answers mean, whoever sends them. */
import type { SearchReader } from '../adapter.ts';
import type { SearchBodySettings } from './options.ts';
import { applyToResponse } from './outcome.ts';
import { planSearch } from './plan.ts';
import { refusedChanges } from './refused-changes.ts';
import { shortlistOf } from './shortlist.ts';

/** Reads searches and answers; without the states of a sidecar, which somebody must fetch. */
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
