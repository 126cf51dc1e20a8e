/** Where the block states of an index's documents lie. */
import { defaultStateField } from './names.ts';

/** The place where `blockrank states build` keeps the block states of an index. */
export type StatePlace =
  | {
      /** States lie in an index beside each index; one call fetches those of a list. */
      readonly kind: 'sidecar';
      /** Names one generation of states; see `defaultGeneration`. */
      readonly generation: string;
    }
  | {
      /**
       * States lie in the documents and come with the hits; the adapter takes them out again unless a request names the
       * field.
       */
      readonly kind: 'field';
      /** The object that holds a state. @defaultValue `'blockrank_state'` */
      readonly field?: string | undefined;
      /** Whether the anchors are also stored as a vector, by which the server searches. @defaultValue false */
      readonly vector?: boolean | undefined;
    };

/** The place where a search finds block states: where a build stored them, or in a vector field of the user's own. */
export type StoredStates =
  | StatePlace
  | {
      /**
       * A vector field of the user's own. It must hold anchors of the very model that reranks, made from the same
       * texts; the reranker cannot check that, and trusts them.
       */
      readonly kind: 'vector';
      /** The field. */
      readonly field: string;
    };

/** The object that holds states in documents. */
export function stateFieldOf({ field }: Extract<StoredStates, { readonly kind: 'field' }>): string {
  return field ?? defaultStateField;
}

/** The encoder that a stored mark names; see `encodingOf`. */
export function encodingDigestOf(encoding: string): string {
  return encoding.split('.')[0]!;
}
