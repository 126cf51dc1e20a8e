/** States for documents that somebody indexes with a client of their own: each is written together with its state. */
import type { StateMaker } from '../../../engine/index.ts';
import type { JsonObject } from '../../cluster/json.ts';
import type { ServerCalls } from '../../cluster/server-calls.ts';
import type { DocumentTextOptions } from '../../document-text.ts';
import type { StatePlace } from '../../stored-states/places.ts';

/** Options of {@link stateIngest}: the same texts and the same place as where states are built and read. */
export interface IngestOptions extends DocumentTextOptions {
  /** Makes states. */
  readonly maker: StateMaker;
  /** Where states are kept. */
  readonly place: StatePlace;
  /** Documents encoded at once at most. @defaultValue 64 */
  readonly batch?: number | undefined;
}

/** A bulk request with states. */
export interface IngestedBulk<Line> {
  /** What to send in place of the operations: `operations` of the one client, `body` of the other. */
  readonly operations: Line[];
  /** How many states are in it. */
  readonly states: number;
  /** The response as if only the operations that were given had been sent: item i is that of operation i. @throws TypeError when items are missing. */
  ownItems<Response>(response: Response): Response;
  /** The items of states that the server would not take. @throws TypeError when items are missing. */
  stateErrors(response: unknown): readonly JsonObject[];
}

/** Which document. */
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
  /** What to index. */
  readonly document: JsonObject;
  /** What to index besides; absent where the state is in the document, or the document has no id. */
  readonly state?: IngestedState | undefined;
}

/** A state that is a document of its own. */
export interface IngestedState {
  /** The index beside. */
  readonly index: string;
  /** The id of its document. */
  readonly id: string;
  /** The routing of its document, where that has one. */
  readonly routing?: string | undefined;
  /** What to index. */
  readonly document: JsonObject;
}

/** An action of a bulk helper. */
export type IngestAction = Readonly<Partial<Record<'index' | 'create' | 'delete' | 'update', object>>>;

/** What `client.helpers.bulk()` of either client takes; add the options that you need. */
export interface IngestedStream {
  /** The documents, and the states that are documents of their own. */
  readonly datasource: AsyncGenerator<object>;
  /** The action of each; of a type that fits the one client's option as well as the other's. */
  readonly onDocument: (document: unknown) => never;
}

/**
 * Adds states to what a client of yours is about to write. Nothing that it is given is changed, and nothing is sent but
 * by `prepare`. Safe to call concurrently.
 *
 * Each index has to be prepared once a process; operations on others are left as they are.
 */
export interface StateIngest {
  /**
   * Makes the index beside, or adds to the mapping, where that is missing.
   *
   * @throws ConfigurationError when states cannot be kept there. @throws FirstStageError when the server refuses.
   */
  prepare(calls: ServerCalls, ...indices: readonly string[]): Promise<void>;
  /** One document with its state. @throws TypeError for an index that was not prepared. */
  document(target: IngestTarget, source: object): Promise<IngestedDocument>;
  /** Bulk operations with states. @param options.index - The index of operations that name none. @throws TypeError for what is no bulk request. */
  bulk(
    operations: readonly object[],
    options?: { readonly index?: string | undefined },
  ): Promise<IngestedBulk<Record<string, unknown>>>;
  /** The same as lines of JSON. */
  bulk(
    operations: string | Uint8Array | readonly string[],
    options?: { readonly index?: string | undefined },
  ): Promise<IngestedBulk<string>>;
  /** Documents with states for a bulk helper, encoded in batches as it asks for them. @param actionOf - What is done with a document. */
  documents<Document extends object>(
    source: Iterable<Document> | AsyncIterable<Document>,
    actionOf: (document: Document) => IngestAction,
  ): IngestedStream;
}
