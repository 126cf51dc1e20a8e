/** Tells which items of a bulk response answer the caller's operations, and which answer the added states. */
import { isObject, type JsonObject } from '../../cluster/json.ts';

/** The two kinds of items in a bulk response. */
export interface IngestedItems {
  /** The response without the items of states. */
  ownItems<Response>(response: Response): Response;
  /** The items of states that the server refused. */
  stateErrors(response: unknown): readonly JsonObject[];
}

/** @param owned - One entry for each item: whether it answers an operation of the caller. */
export function ingestedItems(owned: readonly boolean[]): IngestedItems {
  const itemsOf = (what: string, body: JsonObject): readonly unknown[] => {
    const { items } = body;
    if (Array.isArray(items) && items.length === owned.length) return items;
    const found = Array.isArray(items) ? `${items.length}` : 'none';
    throw new TypeError(`${what}: expected the response to ${owned.length} operations, got ${found} items.`);
  };
  const own = (body: JsonObject): JsonObject => {
    const items = itemsOf('ownItems', body).filter((_, i) => owned[i]);
    return { ...body, items, errors: items.some((item) => errorOf(item) !== undefined) };
  };
  return {
    ownItems<Response>(response: Response) {
      const { body } = (response ?? {}) as { readonly body?: unknown };
      // Elasticsearch's client gives the body, OpenSearch's an answer that holds it.
      const changed = isObject(body)
        ? { ...(response as object), body: own(body) }
        : own(response as JsonObject);
      return changed as Response;
    },
    stateErrors(response) {
      const { body } = (response ?? {}) as { readonly body?: unknown };
      const items = itemsOf('stateErrors', (isObject(body) ? body : response) as JsonObject);
      return items.filter((item, i): item is JsonObject => !owned[i] && errorOf(item) !== undefined);
    },
  };
}

function errorOf(item: unknown): unknown {
  const [only] = isObject(item) ? Object.values(item) : [];
  return isObject(only) ? only['error'] : undefined;
}
