/** The options that the adapters of both search servers share. */
import { ConfigurationError, checkOptionNames, type OptionNames } from '../../engine/index.ts';
import { describeValue, isObject, type JsonObject } from '../cluster/json.ts';
import { type DocumentTextOptions, type TextWriter, textWriter } from '../document-text.ts';
import { type ApartField, apartFields } from '../fields-apart.ts';
import type { StoredStates } from '../stored-states/places.ts';
import type { QueryTextOption } from './query-text.ts';
import type { BodyLayout } from './request-view.ts';

/** A hit as the server sent it. */
export type SearchHit = JsonObject;

/** Options of the adapters that speak the search API of Elasticsearch and OpenSearch. */
export interface SearchBodyOptions extends DocumentTextOptions {
  /** Where the question's words come from. @defaultValue the first clause of the request that has words; see `findQueryText` */
  readonly query?: QueryTextOption | undefined;
  /**
   * Whether the model reads a field's highlight fragments instead of the whole field, where a hit has fragments. The
   * adapter adds a highlight to a request that has none, and takes it out of the response again; where the request has
   * a highlight, the adapter reads the fragments of that one.
   * @defaultValue false
   */
  readonly highlight?: boolean | undefined;
  /** Tells which hits keep their ranks, beside the hits that an outermost `pinned` query or retriever names. */
  readonly isPinned?: ((hit: SearchHit) => boolean) | undefined;
  /**
   * Where the block states of the documents lie, so that the reranker need not encode them. A state belongs to the text
   * that `blockrank states build` read: give the same `fields`, `separator` and `template`, and no `highlight`.
   * @defaultValue none are asked for
   */
  readonly states?: StoredStates | undefined;
  /**
   * Fields for score steps, which the model does not read, by their dotted paths. The adapter fetches them with the
   * hits as `fields` (any mapped or runtime field, a multi-field or an alias too), and takes them out of the response
   * again unless the caller asked for them.
   * @defaultValue `[]`
   */
  readonly signals?: readonly string[] | undefined;
  /**
   * Fields that are scored by themselves, each or each of its values, in place of the joined text of `fields`: a document
   * ranks by the best of them. A text is a name, with `[]` for each of its values and `^2` for a weight: `reviews[]^2`.
   * Stored `states` are of joined texts, and are not read then.
   * @defaultValue `[]`: the joined text is scored
   */
  readonly fieldsApart?: readonly (string | ApartField)[] | undefined;
  /** The index's `index.max_result_window`: the adapter fetches no window beyond it. @defaultValue 10000 */
  readonly maxResultWindow?: number | undefined;
}

/** Names of both adapters' options: {@link SearchBodyOptions}, the client, and the options of its calls. */
const optionNames: OptionNames<
  SearchBodyOptions & { readonly client: unknown; readonly callOptions: unknown }
> = {
  client: true,
  callOptions: true,
  fields: true,
  separator: true,
  template: true,
  query: true,
  highlight: true,
  isPinned: true,
  states: true,
  maxResultWindow: true,
  signals: true,
  fieldsApart: true,
};

/** Elasticsearch's and OpenSearch's own default of `index.max_result_window`. */
export const defaultMaxResultWindow = 10_000;

/** Checked options, ready to use. */
export interface SearchBodySettings {
  /** The adapter's name, for errors. */
  readonly adapter: string;
  /** Where this server's client keeps the properties of the body. */
  readonly layout: BodyLayout;
  /** Makes documents' texts. */
  readonly text: TextWriter;
  /** Where the question's words come from. */
  readonly query: QueryTextOption | undefined;
  /** Whether the model reads highlight fragments. */
  readonly highlight: boolean;
  /** Tells which hits keep their ranks. */
  readonly isPinned: (hit: SearchHit) => boolean;
  /** Where block states lie. */
  readonly states: StoredStates | undefined;
  /** Fields that become signals. */
  readonly signals: readonly string[];
  /** Fields that are scored by themselves. */
  readonly fieldsApart: readonly ApartField[];
  /** The most hits that a search may reach. */
  readonly maxResultWindow: number;
}

/** Checks the options and fills in the defaults. @throws ConfigurationError for an option that cannot be. */
export function searchBodySettings(
  options: SearchBodyOptions,
  { adapter, layout }: Pick<SearchBodySettings, 'adapter' | 'layout'>,
): SearchBodySettings {
  const what = `Cannot make ${adapter}Adapter`;
  checkOptionNames(what, options, optionNames);
  const {
    query,
    highlight = false,
    isPinned = () => false,
    states,
    signals = [],
    fieldsApart = [],
    maxResultWindow = defaultMaxResultWindow,
  } = options;
  const fail = (path: string, expected: string, value: unknown): never => {
    throw new ConfigurationError(what, [
      { path, message: `expected ${expected}, got ${describeValue(value)}` },
    ]);
  };
  if (!isQueryOption(query)) fail('query', '{ text }, { path } or a function of the request', query);
  if (typeof isPinned !== 'function') fail('isPinned', 'a function of a hit', isPinned);
  if (!Number.isInteger(maxResultWindow) || maxResultWindow < 1) {
    fail('maxResultWindow', 'an integer from 1', maxResultWindow);
  }
  if (states !== undefined && !isPlace(states)) {
    fail(
      'states',
      '{ kind: "sidecar", generation }, { kind: "field", field? } or { kind: "vector", field }',
      states,
    );
  }
  if (states && highlight) fail('states', 'no highlight beside it: states are of whole texts', states);
  if (!areSignals(signals)) fail('signals', 'names of fields, without "*"', signals);
  const text = textWriter(options, what);
  const apart = apartFields(fieldsApart, what);
  const read = { text, query, highlight, isPinned, states, signals, fieldsApart: apart };
  return { adapter, layout, ...read, maxResultWindow };
}

function areSignals(signals: unknown): boolean {
  return Array.isArray(signals) && signals.every((name) => typeof name === 'string' && /^[^*]+$/.test(name));
}

function isPlace(states: unknown): boolean {
  if (!isObject(states)) return false;
  const { kind, generation, field } = states;
  const isName = (name: unknown): boolean => typeof name === 'string' && name !== '';
  if (kind === 'sidecar') return isName(generation);
  return kind === 'field' ? field === undefined || isName(field) : kind === 'vector' && isName(field);
}

function isQueryOption(query: unknown): boolean {
  if (query === undefined || typeof query === 'function') return true;
  if (!isObject(query)) return false;
  const { text, path } = query;
  return (
    typeof text === 'string' || [path].flat().every((entry) => typeof entry === 'string' && entry !== '')
  );
}
