/** Reranks the searches of a client's multi-search, each on its own. */
import type { JsonObject } from '../../adapters/search-body/index.ts';
import { type ReadPart, readLines } from './call-body.ts';
import { indexIn } from './index-patterns.ts';
import { fromItemAnswer, ownBody, searchAnswers, toItemAnswer } from './own-answer.ts';
import { type SearchCall, unreadable } from './search-call.ts';
import { type SearchParts, withParts } from './transport-params.ts';

/** The body of the answer; `undefined` when none of its searches is to be reranked. */
export function rerankMultiSearch<Request, Response>(
  call: SearchCall<Request, Response>,
): Promise<unknown> | undefined {
  const items = readItems(call);
  const wanted = items?.map(({ index }) => call.isWanted(index)) ?? [call.isWanted(call.index)];
  if (!wanted.includes(true)) return undefined;
  return items && call.address ? rerankItems(call, items, wanted) : markAll(call);
}

/** One search of a multi-search. */
interface Item {
  readonly index: string | undefined;
  readonly header: ReadPart;
  readonly body: ReadPart;
}

/** The searches; `undefined` when the lines cannot be read as pairs of objects. */
function readItems<Request, Response>({
  params,
  index,
}: SearchCall<Request, Response>): readonly Item[] | undefined {
  const lines = readLines(params.bulkBody ?? params.body);
  if (!lines) return undefined;
  return Array.from({ length: lines.length / 2 }, (_, i) => {
    const header = lines[2 * i]!;
    return { index: indexIn(header.value) ?? index, header, body: lines[2 * i + 1]! };
  });
}

async function rerankItems<Request, Response>(
  call: SearchCall<Request, Response>,
  items: readonly Item[],
  wanted: readonly boolean[],
): Promise<unknown> {
  const { stage, form, params, send } = call;
  const address = call.address!;
  const parts = items.map(({ index, body }): SearchParts => {
    return { index, querystring: filterOf(address.parameters), body: body.value };
  });
  const requests = parts.map((one) => form.toRequest(one));
  let whole: JsonObject | undefined;
  const answers = stage.searchMany(requests, {
    ...call.options,
    each: (_request, i) => ({ rerank: wanted[i]! }),
    searchMany: async (plans, options) => {
      const lines = plans.flatMap(({ request, original }) => {
        const at = requests.indexOf(original);
        const { header, body } = items[at]!;
        const changed = request === original ? body.value : form.toParts(request, parts[at]!).body;
        return [header.write(header.value), body.write(changed)];
      });
      const isWhole =
        plans.length === items.length && plans.every(({ request, original }) => request === original);
      const anew = {
        ...withParts(params, address.path, { querystring: address.parameters, body: undefined }),
        bulkBody: lines,
      };
      const answer = searchAnswers(await send(isWhole ? params : anew, options));
      // Some searches may be sent again: the properties beside the responses are those of the first answer, to all of
      // them.
      whole ??= answer;
      return answer.responses.map((item) => toItemAnswer(item as Response));
    },
  });
  return answers.then((all) => ({ ...whole, responses: all.map(fromItemAnswer) }), ownBody);
}

/** The filter of one search: a `filter_path` of the whole answer, applied to each response. */
function filterOf({ filter_path: filter }: JsonObject): JsonObject {
  return filter === undefined ? {} : { filter_path: filter };
}

/**
 * Sends searches that cannot be read, such as a stream. The answer tells their number, and each response is marked with
 * the reason.
 */
async function markAll<Request, Response>({
  stage,
  form,
  params,
  index,
  options,
  send,
}: SearchCall<Request, Response>): Promise<unknown> {
  const answer = await send(params, options);
  try {
    const whole = searchAnswers(answer);
    const requests = whole.responses.map(() => unreadable(form, index));
    const marked = await stage.searchMany(requests, {
      ...options,
      searchMany: async () => whole.responses.map((item) => toItemAnswer(item as Response)),
    });
    return { ...whole, responses: marked.map(fromItemAnswer) };
  } catch (error) {
    return ownBody(error);
  }
}
