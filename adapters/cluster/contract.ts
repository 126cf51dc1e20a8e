/** Options of every call to a cluster, and the types for its indices and documents. */

/** Options of a call that waits. */
export interface CallOptions {
  /** Ends the call early. */
  readonly signal?: AbortSignal | undefined;
}

/** The version of a document: a later write to a shard has a higher term, or the same term and a higher number. */
export interface WriteMark {
  /** Number of the write in its shard. */
  readonly seqNo: number;
  /** How often the shard had changed its primary copy. */
  readonly primaryTerm: number;
}

/** An index that holds documents; names, aliases and data streams stand for such indices. */
export interface ConcreteIndex {
  /** Its name. */
  readonly name: string;
  /**
   * Identity of the index: changes when somebody makes the index, or the place of its states, anew under the same name.
   */
  readonly identity: string;
  /** Primary shards. */
  readonly shards: number;
  /** Copies of each shard, as the setting says it; absent when the index has none. */
  readonly replicas: string | undefined;
}
