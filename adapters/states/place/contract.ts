/** The types that the parts of a build exchange with each other and with a caller. */
import type { BlockState } from '../../../engine/index.ts';
import type { BulkOperation } from '../../cluster/bulk.ts';
import type { CallOptions, ConcreteIndex, WriteMark } from '../../cluster/contract.ts';

/** A document as the scan read it. */
export interface ScannedDocument extends WriteMark {
  /** The concrete index of the document. */
  readonly index: string;
  /** Its id. */
  readonly id: string;
  /** Its routing; absent unless it was indexed with one. */
  readonly routing?: string | undefined;
  /** The hit, with the fields that the scan asked for. */
  readonly hit: Readonly<Record<string, unknown>>;
}

/** The mark of a stored state. */
export interface StoredMark {
  /** The encoder and the form of the state; see `encodingOf`. */
  readonly encoding: string;
  /** Digest of the text that the state was made from. */
  readonly textDigest: string;
  /**
   * The version of the document that the state was made from; absent where the state is a part of the document, or was
   * written together with it.
   */
  readonly source?: WriteMark | undefined;
}

/** A document and its stored state, as a look found them. */
export interface Finding {
  /** The document's text, from which a state is made. */
  readonly text: string;
  /** The mark of the stored state; absent when none is stored. */
  readonly stored?: StoredMark | undefined;
  /** The version that a write replaces; absent when the write makes a new document. */
  readonly version?: WriteMark | undefined;
}

/** A state that was made from a text. */
export interface MadeState {
  /** The encoder and the form of the state; see `encodingOf`. */
  readonly encoding: string;
  /** SHA-256 of the text that the state was made from, hexadecimal. */
  readonly textDigest: string;
  /** The state itself. */
  readonly state: BlockState;
  /** The state's bytes, in the maker's form. */
  readonly bytes: Uint8Array;
  /** See `StateForm.keepsLength`. */
  readonly keepsLength?: boolean | undefined;
}

/** A state to store. */
export interface StateEntry extends MadeState {
  /** The document of the state. */
  readonly document: ScannedDocument;
  /** The document and its former state, as the look found them. */
  readonly finding: Finding;
}

/** A store of states on the search server. */
export interface StateStore {
  /** Parts of `_source` that the scan must fetch. */
  readonly scanned: readonly string[];
  /**
   * Gives the index beside an index, for stores that keep states in one; it can hold states whose documents are gone.
   */
  readonly besideOf?: ((index: string) => string) | undefined;
  /**
   * Makes an index, or adds the state's fields to a mapping, where they are missing. @returns The indices, with their
   * identities.
   */
  prepare(indices: readonly ConcreteIndex[], options?: CallOptions): Promise<readonly ConcreteIndex[]>;
  /**
   * Reads documents and their states as they are now, in the documents' order; `undefined` for a document that no
   * longer exists.
   */
  look(
    documents: readonly ScannedDocument[],
    options?: CallOptions,
  ): Promise<readonly (Finding | undefined)[]>;
  /** The write that stores a state, unless somebody changed the target since the look. */
  operation(entry: StateEntry): BulkOperation;
  /** Removes every state of these indices. @returns What was removed, in words. */
  drop(indices: readonly string[], options?: CallOptions): Promise<readonly string[]>;
}
