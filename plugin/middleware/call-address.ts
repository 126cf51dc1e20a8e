/** The address of a client's call: its path and its parameters, wherever the call holds them. */
import { isObject, type JsonObject, without } from '../../adapters/search-body/index.ts';
import type { TransportParams } from './transport-params.ts';

/** The address of a call: its path alone, and all parameters. */
export interface Address {
  readonly path: string;
  readonly parameters: JsonObject;
}

/**
 * The address that the client would make of a call; `undefined` when a parameter comes twice, or the client would not
 * find it.
 *
 * @param more - Parameters of the call's options; in both clients they win over the others.
 */
export function addressOf({ path, querystring }: TransportParams, more: unknown): Address | undefined {
  const mark = path.indexOf('?');
  const inPath = mark < 0 ? '' : path.slice(mark + 1);
  const isText = typeof querystring === 'string';
  // The clients would join such parameters with a second question mark, or take a text apart letter by letter.
  if (inPath !== '' && hasParameters(querystring, more)) return undefined;
  if (isText && querystring !== '' && hasParameters(more)) return undefined;
  const written = parametersIn(inPath === '' && isText ? querystring : inPath);
  if (!written) return undefined;
  const beside = [querystring, more].filter(isObject);
  const given = beside.flatMap(Object.entries).filter(([, value]) => value !== undefined);
  return {
    path: mark < 0 ? path : path.slice(0, mark),
    parameters: { ...written, ...Object.fromEntries(given) },
  };
}

function hasParameters(...sources: readonly unknown[]): boolean {
  return sources.some((source) =>
    isObject(source)
      ? Object.keys(source).length > 0
      : source !== undefined && source !== null && source !== '',
  );
}

function parametersIn(text: string): JsonObject | undefined {
  const entries = [...new URLSearchParams(text)];
  const read = Object.fromEntries(entries);
  return Object.keys(read).length === entries.length ? read : undefined;
}

/** The parameters without `index`, which the path names too. */
export function besideIndex({ parameters }: Address): JsonObject {
  return without(parameters, ['index']);
}
