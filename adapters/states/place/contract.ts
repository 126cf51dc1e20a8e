/** What the parts of building block states say to each other, and what a caller gives them. */
import type { BlockState } from '../../../engine/index.ts';
import type { BulkOperation } from '../../cluster/bulk.ts';
import type { CallOptions, ConcreteIndex, WriteMark } from '../../cluster/contract.ts';

/** A document as the scan found it. */
export interface ScannedDocument extends WriteMark {
  /** The concrete index that it lies in. */
  readonly index: string;
  /** Its id. */
  readonly id: string;
  /** Its routing; absent unless it was indexed with one. */
  readonly routing?: string | undefined;
  /** The hit, with the fields that were asked for. */
  readonly hit: Readonly<Record<string, unknown>>;
}

/** What a place says about the state that it holds. */
export interface StoredMark {
  /** Which encoder made it, and its form; see `encodingOf`. */
  readonly encoding: string;
  /** Digest of the text that it was made from. */
  readonly textDigest: string;
  /**
   * The version of the document that it was made from; absent where the state is a part of the document, or was written
   * together with it.
   */
  readonly source?: WriteMark | undefined;
}

/** What a look at a document and its state found. */
export interface Finding {
  /** The text that a state is to be made from. */
  readonly text: string;
  /** What is stored; absent when nothing is. */
  readonly stored?: StoredMark | undefined;
  /** The version that a write replaces; absent when it makes something new. */
  readonly version?: WriteMark | undefined;
}

/** A state that was made from a text. */
export interface MadeState {
  /** See `encodingOf`. */
  readonly encoding: string;
  /** SHA-256 of the text that it was made from, hexadecimal. */
  readonly textDigest: string;
  /** The state itself. */
  readonly state: BlockState;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** A state to be stored. */
export interface StateEntry extends MadeState {
  /** Whose it is. */
  readonly document: ScannedDocument;
  /** What was found of the document and its state before. */
  readonly finding: Finding;
}

/** Where states are kept on the search server. */
export interface StateStore {
  /** Parts of `_source` that the scan has to bring. */
  readonly scanned: readonly string[];
  /** The index beside an index, where states are kept in one; it can hold states whose documents are gone. */
  readonly besideOf?: ((index: string) => string) | undefined;
  /** Makes an index, or adds to a mapping, where that is missing. @returns The indices, their identities told. */
  prepare(indices: readonly ConcreteIndex[], options?: CallOptions): Promise<readonly ConcreteIndex[]>;
  /** What is at the documents' places now, in their order; `undefined` for a document that is no longer there. */
  look(
    documents: readonly ScannedDocument[],
    options?: CallOptions,
  ): Promise<readonly (Finding | undefined)[]>;
  /** The write that stores a state, unless its place changed since it was looked at. */
  operation(entry: StateEntry): BulkOperation;
  /** Takes every state of these indices away. @returns What was removed, in words. */
  drop(indices: readonly string[], options?: CallOptions): Promise<readonly string[]>;
}
