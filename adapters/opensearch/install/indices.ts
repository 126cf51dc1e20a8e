/** Reads indices and their default search pipelines. */
import type { ServerRequest } from '../../install/index.ts';
import type { Ask } from './ask.ts';

/** One index and its default pipeline. */
export interface BackingIndex {
  /** Its name. */
  readonly index: string;
  /** The pipeline that the index's searches go through; absent when there is none. */
  readonly defaultPipeline: string | undefined;
}

/** A name and the indices that it stands for: an index, an alias or a pattern. */
export interface IndexState {
  /** The name that was asked for. */
  readonly name: string;
  /** The indices behind the name. */
  readonly behind: readonly BackingIndex[];
  /** The asked fields that the indices have. */
  readonly fields: readonly string[];
}

/** The setting of an index that names the pipeline of its searches. */
export const defaultSetting = 'index.search.default_pipeline';

/** Value of the setting where somebody chose no pipeline. */
const noPipeline = '_none';

function defaultIn(settings: Readonly<Record<string, string>> | undefined): string | undefined {
  const pipeline = settings?.[defaultSetting];
  return pipeline === noPipeline ? undefined : pipeline;
}

/** The default pipeline of every index that has one, by index. */
export async function readDefaults(get: Ask): Promise<Record<string, string>> {
  const request: ServerRequest = {
    method: 'GET',
    path: `/_all/_settings/${defaultSetting}`,
    querystring: { flat_settings: 'true', expand_wildcards: 'all' },
  };
  const answer = ((await get(request, "read the indices' default pipelines", [403, 404])) ?? {}) as Readonly<
    Record<string, { settings?: Readonly<Record<string, string>> }>
  >;
  const entries = Object.entries(answer).map(
    ([index, { settings }]) => [index, defaultIn(settings)] as const,
  );
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/**
 * Reads an index by its name, alias or pattern, and which of the fields it has.
 *
 * @throws FirstStageError when there is none.
 */
export async function readIndex(get: Ask, name: string, fields: readonly string[]): Promise<IndexState> {
  const path = `/${encodeURIComponent(name)}`;
  const querystring = { flat_settings: 'true' };
  const settings = (await get(
    { method: 'GET', path: `${path}/_settings`, querystring },
    `read index "${name}"`,
  )) as Readonly<Record<string, { settings?: Readonly<Record<string, string>> }>>;
  const caps =
    fields.length === 0
      ? undefined
      : await get(
          { method: 'GET', path: `${path}/_field_caps`, querystring: { fields: fields.join(',') } },
          `read the fields of index "${name}"`,
        );
  const known = Object.keys((caps as { fields?: object } | undefined)?.fields ?? {});
  return {
    name,
    behind: Object.entries(settings).map(([index, found]) => {
      return { index, defaultPipeline: defaultIn(found.settings) };
    }),
    fields: fields.filter((field) => known.includes(field)),
  };
}
