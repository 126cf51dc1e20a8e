/** The adapter of both servers, without the client's own calls. */
import type { FirstStageError } from '../../engine/index.ts';
import type { Adapter } from '../adapter.ts';
import { toFirstStageError } from '../cluster/errors.ts';
import type { JsonObject } from '../cluster/json.ts';
import { answersOf, type SearchLines, searchTogether } from './multi-search.ts';
import type { SearchBodySettings } from './options.ts';
import { searchReader } from './search-reader.ts';
import { sidecarReader } from './sidecar-states.ts';

/** The calls of a client; all reject with the client's own errors. */
export interface ClientCalls {
  /** Sends one search; resolves with the response's body. */
  readonly search: (request: object, signal: AbortSignal | undefined) => Promise<unknown>;
  /** Sends a multi-search; resolves with the response's body. */
  readonly msearch: (lines: readonly SearchLines[], signal: AbortSignal | undefined) => Promise<unknown>;
  /** Fetches documents by id; resolves with the response's body. */
  readonly mget: (docs: readonly JsonObject[], signal: AbortSignal | undefined) => Promise<unknown>;
}

/** An adapter over a client's calls. An aborted search rejects with the signal's reason. */
export function searchAdapter<Request extends object, Response>(
  settings: SearchBodySettings,
  calls: ClientCalls,
): Adapter<Request, Response> & Required<Pick<Adapter<Request, Response>, 'searchMany' | 'refusedChanges'>> {
  const { adapter: name, layout } = settings;
  const withSidecar = sidecarReader(settings);
  const ask = async <T>(
    what: string,
    signal: AbortSignal | undefined,
    call: () => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      signal?.throwIfAborted();
      throw toFirstStageError(name, what, error);
    }
  };
  const search = (request: object, signal: AbortSignal | undefined): Promise<Response> =>
    ask(describeSearch(request), signal, async () => (await calls.search(request, signal)) as Response);
  return {
    ...searchReader<Request, Response>(settings),
    search: (plan, { signal } = {}) => search(plan.request, signal),
    async searchMany(plans, { signal } = {}) {
      signal?.throwIfAborted();
      return searchTogether<Response>(
        plans.map(({ request }) => request),
        layout,
        {
          alone: (request) => search(request, signal),
          together: async (lines) => {
            const what = `Multi-search of ${lines.length}`;
            const response = await ask(what, signal, () => calls.msearch(lines, signal));
            return answersOf(response, lines.length, name) as readonly (Response | FirstStageError)[];
          },
        },
      );
    },
    ...(withSidecar && {
      addStates: (found, { signal } = {}) =>
        withSidecar(found, (docs) =>
          ask(`Fetching ${docs.length} block states`, signal, () => calls.mget(docs, signal)),
        ),
    }),
  };
}

function describeSearch(request: object): string {
  const { index } = request as JsonObject;
  return index === undefined ? 'Search' : `Search in ${JSON.stringify(index)}`;
}
