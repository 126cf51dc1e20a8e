/** Reranks one search of a client. */

import { besideIndex } from './call-address.ts';
import { readBody } from './call-body.ts';
import { filtered, plainFilter, unfiltered } from './filter-path.ts';
import { ownBody, searchAnswer } from './own-answer.ts';
import { type SearchCall, unreadable } from './search-call.ts';
import { isReadable, type SearchParts, type TransportParams, withParts } from './transport-params.ts';

/** The body of the answer; `undefined` when the search is not to be reranked. */
export function rerankOneSearch<Request, Response>(
  call: SearchCall<Request, Response>,
): Promise<unknown> | undefined {
  if (!call.isWanted(call.index)) return undefined;
  const search = readSearch(call);
  const answer = call.stage.search(search.request, {
    ...call.options,
    search: async (plan, options) => {
      const params = plan.reason === undefined ? search.toParams(plan.request) : call.params;
      return searchAnswer<Response>(await call.send(params, options));
    },
  });
  return answer.catch(ownBody).then((body) => filtered(body, search.filter));
}

/** A search as the stage takes it, and the way back. */
interface ReadSearch<Request> {
  readonly request: Request;
  /** The client's call for a request of the stage. */
  toParams(request: Request): TransportParams;
  /** The paths of the answer that the caller wants. */
  readonly filter?: readonly string[] | undefined;
}

function readSearch<Request, Response>({
  form,
  params,
  address,
  index,
}: SearchCall<Request, Response>): ReadSearch<Request> {
  const body = readBody(params.body ?? params.bulkBody);
  const filter = address && plainFilter(address.parameters);
  const parts: SearchParts = {
    index,
    querystring: address ? (filter ? unfiltered(besideIndex(address)) : besideIndex(address)) : {},
    body: body?.value ?? {},
  };
  if (!address || !body || !isReadable(parts)) {
    return { request: unreadable(form, index), toParams: () => params };
  }
  const request = form.toRequest(parts);
  const named = address.parameters['index'];
  return {
    request,
    filter,
    toParams: (sent) => {
      if (sent === request && !filter) return params;
      const { querystring, body: changed } = sent === request ? parts : form.toParts(sent, parts);
      return withParts(params, address.path, {
        querystring: { ...querystring, ...(named !== undefined && { index: named }) },
        body: body.write(changed),
      });
    },
  };
}
