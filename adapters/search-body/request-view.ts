/** Reads and changes the requests of both clients in one way, whether flat or with a `body`. */
import { isObject, type JsonObject, listedIn, without } from '../cluster/json.ts';

/** Where a client's request keeps the properties of the body: beside the index name, or under `body` alone. */
export type BodyLayout = 'flat' | 'body';

/**
 * Everything the request says, in one object: the body's properties, and over them those beside it, which both servers
 * prefer. A body that is a string is parsed. Fields that `_source` names as text come as a list. `undefined` when the
 * body cannot be read (a stream, a buffer, text that is no JSON object) or `querystring` holds the page.
 */
export function viewOf(request: unknown, layout: BodyLayout): JsonObject | undefined {
  if (!isObject(request)) return undefined;
  const { body, querystring, ...rest } = request;
  const read = bodyOf(body);
  if (!read || (querystring !== undefined && !isHarmless(querystring))) return undefined;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const both = { ...read, ...Object.fromEntries(given) };
  // Both servers search for `q` in place of the body's query.
  const view = both['q'] === undefined ? both : without(both, ['query']);
  const isInAddress = layout === 'body' && rest['_source'] !== undefined;
  return isInAddress ? withAddressSource(view) : withBodySource(view);
}

/** The view with the address's `_source` parsed: there it is `true`, `false`, or fields between commas. */
export function withAddressSource(view: JsonObject): JsonObject {
  const { _source: source } = view;
  const isList = Array.isArray(source) || (typeof source === 'string' && !/^(true|false)$/.test(source));
  return isList ? { ...view, _source: listedIn(source) } : view;
}

/**
 * In a body, text is one pattern, commas included; where the address says anything of `_source`, the body's is ignored.
 */
function withBodySource(view: JsonObject): JsonObject {
  const { _source: source, _source_includes: includes, _source_excludes: excludes } = view;
  if (includes !== undefined || excludes !== undefined) return without(view, ['_source']);
  return typeof source === 'string' ? { ...view, _source: [source] } : view;
}

/** A copy of the request with properties set, or removed where the change is `undefined`. */
export function withChanges(request: JsonObject, changes: JsonObject, layout: BodyLayout): JsonObject {
  const keys = Object.keys(changes);
  const set = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const { body, ...rest } = request;
  const kept = without(rest, keys);
  if (layout === 'flat' && (body === undefined || body === null)) return { ...kept, ...set };
  return { ...kept, body: { ...without(bodyOf(body) ?? {}, keys), ...set } };
}

function bodyOf(body: unknown): JsonObject | undefined {
  if (body === undefined || body === null) return {};
  if (typeof body !== 'string') return isObject(body) ? body : undefined;
  try {
    const parsed: unknown = JSON.parse(body);
    return isObject(parsed) ? parsed : undefined;
  } catch (error) {
    // The server gets such a request unchanged and says what is wrong with it.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const pageParameters = [
  'from',
  'size',
  'sort',
  'scroll',
  'q',
  '_source',
  '_source_includes',
  '_source_excludes',
];

function isHarmless(querystring: unknown): boolean {
  return isObject(querystring) && pageParameters.every((name) => querystring[name] === undefined);
}
