/**
 * Handles `filter_path`, which leaves out of an answer the parts that reranking reads. Both clients' `helpers.search()`
 * set it. Where it holds only plain paths, the middleware sends the search without it and filters the answer itself.
 */
import {
  filterSource,
  isObject,
  type JsonObject,
  listedIn,
  without,
} from '../../adapters/search-body/index.ts';

/**
 * The paths of a `filter_path` that the middleware can follow; `undefined` without a filter, and for wildcards and
 * exclusions (`-`).
 */
export function plainFilter(parameters: JsonObject): readonly string[] | undefined {
  const paths = listedIn(parameters['filter_path']);
  const isPlain = paths.length > 0 && paths.every((path) => /^[^-*][^*]*$/.test(path));
  return isPlain ? paths : undefined;
}

/** The parameters without their filter. */
export function unfiltered(parameters: JsonObject): JsonObject {
  return without(parameters, ['filter_path']);
}

/** The parts of an answer that the paths keep. */
export function filtered(answer: unknown, paths: readonly string[] | undefined): unknown {
  return paths && isObject(answer) ? filterSource(answer, { includes: paths, excludes: [] }) : answer;
}
