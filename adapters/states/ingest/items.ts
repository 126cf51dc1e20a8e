/** Which items of a bulk response answer what somebody sent, and which answer the states that were added. */
import { isObject, type JsonObject } from '../../cluster/json.ts';

/** Tells items apart. */
export interface IngestedItems {
  /** The response without the items of states. */
  ownItems<Response>(response: Response): Response;
  /** The items of states that were refused. */
  stateErrors(response: unknown): readonly JsonObject[];
}

/** @param owned - One entry an item: whether it answers an operation that was given. */
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
      // The one client gives the body, the other an answer that has it.
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
