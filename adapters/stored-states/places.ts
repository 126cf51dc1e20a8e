/** Where the block states of an index's documents lie. */
import { defaultStateField } from './names.ts';

/** Where `blockrank states build` keeps the block states of an index. */
export type StatePlace =
  | {
      /** In an index beside each index, asked for with one call a list. */
      readonly kind: 'sidecar';
      /** Names one generation of states; see `defaultGeneration`. */
      readonly generation: string;
    }
  | {
      /** In the documents: they come with the hits, and are taken out of them again unless a request names the field. */
      readonly kind: 'field';
      /** The object that holds a state. @defaultValue `'blockrank_state'` */
      readonly field?: string | undefined;
      /** Whether the anchors are a vector too, by which the server searches. @defaultValue false */
      readonly vector?: boolean | undefined;
    };

/** Where a search finds block states: where they were built, or in a vector of one's own. */
export type StoredStates =
  | StatePlace
  | {
      /**
       * A vector field of one's own: anchors of the very model that reranks, made from the same texts. Nothing in them
       * says so, and they are trusted.
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
