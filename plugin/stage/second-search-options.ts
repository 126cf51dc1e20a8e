/** Options of the second search, checked in one place. */
import { z } from 'zod';
import type { SearchReader } from '../../adapters/adapter.ts';
import type { ConfigurationIssue, Reranker } from '../../engine/index.ts';
import { secondSearchOptions } from '../options/stage-options.ts';

/** Searches each list once more, by the query's anchor after it has read the first search's hits. */
export interface SecondSearchOptions {
  /** Hits that the second search finds at most, from 1 to 10000. @defaultValue 100 */
  readonly k?: number | undefined;
  /** Field that holds anchors of documents as vectors. @defaultValue the one of the adapter's `states` */
  readonly field?: string | undefined;
}

/** A second search that is possible. */
export interface SecondSearchSettings {
  readonly k: number;
  readonly field: string;
}

/** What a second search needs. */
export interface SecondSearchParts {
  readonly adapter: Pick<SearchReader<unknown, unknown>, 'name' | 'vectorField'> & {
    readonly planSecondSearch?: unknown;
  };
  readonly reranker: Pick<Reranker, 'info' | 'readAnchor'>;
}

const { k: bounds } = secondSearchOptions;

const shape = z.strictObject({
  k: z
    .int('expected a whole number')
    .min(bounds.min, `expected at least ${bounds.min}`)
    .max(bounds.max, `expected at most ${bounds.max}`)
    .optional(),
  field: z.string().min(1, 'expected the name of a field').optional(),
});
/** The option's form. */
export const secondSearchSchema: z.ZodType = shape;
/** Names of its keys. */
export const secondSearchNames: readonly string[] = Object.keys(shape.shape);

/** The second search with its defaults. */
export function secondSearchSettings(
  { k = bounds.default, field }: SecondSearchOptions,
  { adapter }: Pick<SecondSearchParts, 'adapter'>,
): SecondSearchSettings {
  return { k, field: field ?? adapter.vectorField ?? '' };
}

/** Says what is missing for a second search. */
export function secondSearchIssues(
  { field }: SecondSearchOptions,
  { adapter, reranker }: SecondSearchParts,
): readonly ConfigurationIssue[] {
  const missing = (message: string): ConfigurationIssue[] => [{ path: 'secondSearch', message }];
  if (!adapter.planSecondSearch) {
    return missing(
      `expected an adapter that searches by vectors, and "${adapter.name}" does not: leave it out, or search in Elasticsearch or OpenSearch`,
    );
  }
  if (!reranker.readAnchor) {
    return missing(
      `expected a reranker whose query block reads anchors of documents, and "${reranker.info.name}" (profile ${reranker.info.profile}) has none: leave it out, or take an encoder of the cacheable profile`,
    );
  }
  if (field !== undefined || adapter.vectorField !== undefined) return [];
  return missing(
    'expected a field of anchors to search in: build them with "blockrank states build --to field --vector" and say states: { field: blockrank_state, vector: true }, or name a vector field of your own as states.vectorField or as secondSearch.field',
  );
}
