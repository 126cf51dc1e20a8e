/** What the adapters of both search servers have in common as options. */
import { ConfigurationError, checkOptionNames, type OptionNames } from '../../engine/index.ts';
import { describeValue, isObject, type JsonObject } from '../cluster/json.ts';
import { type DocumentTextOptions, type TextWriter, textWriter } from '../document-text.ts';
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
   * Whether a field's text is its highlight fragments, where a hit has some. A request without a highlight gets
   * one, which is taken out of the response again; a request with one keeps it, and its fields are read.
   * @defaultValue false
   */
  readonly highlight?: boolean | undefined;
  /** Tells which hits keep their ranks, besides those that an outermost `pinned` query or retriever names. */
  readonly isPinned?: ((hit: SearchHit) => boolean) | undefined;
  /**
   * Where the block states of the documents lie, so that they need not be encoded. They are found by the text that was
   * given to `blockrank states build`: give the same `fields`, `separator` and `template`, and no `highlight`.
   * @defaultValue none are asked for
   */
  readonly states?: StoredStates | undefined;
  /**
   * Fields that score steps look at and the model does not read, by their dotted paths: fetched with the hits as `fields`
   * (any mapped or runtime field, a multi-field or an alias too), and taken out of the response again unless the caller asked for them.
   * @defaultValue `[]`
   */
  readonly signals?: readonly string[] | undefined;
  /** The index's `index.max_result_window`: no window is fetched beyond it. @defaultValue 10000 */
  readonly maxResultWindow?: number | undefined;
}

/** Of both adapters: {@link SearchBodyOptions}, and the client with its calls' options. */
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
};

/** Elasticsearch's and OpenSearch's own default of `index.max_result_window`. */
export const defaultMaxResultWindow = 10_000;

/** Checked options, ready to use. */
export interface SearchBodySettings {
  /** The adapter's name, for errors. */
  readonly adapter: string;
  /** Where this server's client keeps what goes into the body. */
  readonly layout: BodyLayout;
  /** Makes documents' texts. */
  readonly text: TextWriter;
  /** Where the question's words come from. */
  readonly query: QueryTextOption | undefined;
  /** Whether fragments are read. */
  readonly highlight: boolean;
  /** Tells which hits keep their ranks. */
  readonly isPinned: (hit: SearchHit) => boolean;
  /** Where block states lie. */
  readonly states: StoredStates | undefined;
  /** Fields that become signals. */
  readonly signals: readonly string[];
  /** Hits that a search may reach at most. */
  readonly maxResultWindow: number;
}

/** Fills in and checks. @throws ConfigurationError for an option that cannot be. */
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
  return { adapter, layout, text, query, highlight, isPinned, states, signals, maxResultWindow };
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
