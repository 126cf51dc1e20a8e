/**
 * Adds states to documents that an application indexes with its own client: a document is written together with its
 * state.
 */
import type { StateMaker } from '../../../engine/index.ts';
import type { JsonObject } from '../../cluster/json.ts';
import type { ServerCalls } from '../../cluster/server-calls.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import type { StatePlace } from '../../stored-states/places.ts';

/** Options of {@link stateIngest}; the texts and the place must be those with which states are built and read. */
export interface IngestOptions extends DocumentTextOptions {
  /** Makes states. */
  readonly maker: StateMaker;
  /** Where states lie. */
  readonly place: StatePlace;
  /** Most documents that are encoded at once. @defaultValue 64 */
  readonly batch?: number | undefined;
}

/** A bulk request with states. */
export interface IngestedBulk<Line> {
  /**
   * The operations to send in place of the given ones: `operations` of Elasticsearch's client, `body` of OpenSearch's.
   */
  readonly operations: Line[];
  /** Number of states in the request. */
  readonly states: number;
  /**
   * The response without the items of added operations: item i belongs to the caller's operation i. @throws TypeError
   * when items are missing.
   */
  ownItems<Response>(response: Response): Response;
  /** The items of states that the server refused. @throws TypeError when items are missing. */
  stateErrors(response: unknown): readonly JsonObject[];
}

/** The address of a document. */
export interface IngestTarget {
  /** Its index, or an alias. */
  readonly index: string;
  /** Its id; absent when the server gives it one. */
  readonly id?: string | undefined;
  /** Its routing, where it has one. */
  readonly routing?: string | undefined;
}

/** A document with its state. */
export interface IngestedDocument {
  /** The content to index. */
  readonly document: JsonObject;
  /** The state to index beside it; absent where the state is in the document, or the document has no id. */
  readonly state?: IngestedState | undefined;
}

/** A state that is a document of its own. */
export interface IngestedState {
  /** The index beside. */
  readonly index: string;
  /** The id of its document. */
  readonly id: string;
  /** The routing of its document, where the document has one. */
  readonly routing?: string | undefined;
  /** The content to index. */
  readonly document: JsonObject;
}

/** An action of a bulk helper. */
export type IngestAction = Readonly<Partial<Record<'index' | 'create' | 'delete' | 'update', object>>>;

/** What `client.helpers.bulk()` of either client takes; add the options that you need. */
export interface IngestedStream {
  /** The documents, and the states that are documents of their own. */
  readonly datasource: AsyncGenerator<object>;
  /** Gives the action of each document; the type fits the option of either client. */
  readonly onDocument: (document: unknown) => never;
}

/**
 * Adds states to documents that your own client is about to write. It never changes its arguments, and only `prepare`
 * sends anything. Safe to call concurrently.
 *
 * Each process has to prepare each index once; operations on other indices get no states.
 */
export interface StateIngest {
  /**
   * Makes the index beside, or adds the state's fields to the mapping, where they are missing.
   *
   * @throws ConfigurationError when the index cannot hold states. @throws FirstStageError when the server refuses.
   */
  prepare(calls: ServerCalls, ...indices: readonly string[]): Promise<void>;
  /** One document with its state. @throws TypeError for an index that was not prepared. */
  document(target: IngestTarget, source: object): Promise<IngestedDocument>;
  /**
   * Bulk operations with states. @param options.index - The index of operations that name none. @throws TypeError when
   * the operations are no bulk request.
   */
  bulk(
    operations: readonly object[],
    options?: { readonly index?: string | undefined },
  ): Promise<IngestedBulk<Record<string, unknown>>>;
  /** Bulk operations with states, for operations as lines of JSON. */
  bulk(
    operations: string | Uint8Array | readonly string[],
    options?: { readonly index?: string | undefined },
  ): Promise<IngestedBulk<string>>;
  /**
   * Documents with states for a bulk helper, encoded in batches as the helper asks for them. @param actionOf
   * - Gives the action of a document.
   */
  documents<Document extends object>(
    source: Iterable<Document> | AsyncIterable<Document>,
    actionOf: (document: Document) => IngestAction,
  ): IngestedStream;
}
