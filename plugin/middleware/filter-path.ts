/**
 * `filter_path` leaves out of an answer what reranking reads. Both clients' `helpers.search()` set it: where it holds
 * plain paths alone, the search is asked without it and what comes back is filtered here.
 */
import {
  filterSource,
  isObject,
  type JsonObject,
  listedIn,
  without,
} from '../../adapters/search-body/index.ts';

/** The paths of a `filter_path` that can be followed here; `undefined` for none, wildcards and what is left out (`-`). */
export function plainFilter(parameters: JsonObject): readonly string[] | undefined {
  const paths = listedIn(parameters['filter_path']);
  const isPlain = paths.length > 0 && paths.every((path) => /^[^-*][^*]*$/.test(path));
  return isPlain ? paths : undefined;
}

/** The parameters without their filter. */
export function unfiltered(parameters: JsonObject): JsonObject {
  return without(parameters, ['filter_path']);
}

/** What the paths leave of an answer. */
export function filtered(answer: unknown, paths: readonly string[] | undefined): unknown {
  return paths && isObject(answer) ? filterSource(answer, { includes: paths, excludes: [] }) : answer;
}
