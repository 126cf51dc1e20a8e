/** What every call to a cluster takes, and what it says of indices and documents. */

/** Options of a call that waits. */
export interface CallOptions {
  /** Ends the call early. */
  readonly signal?: AbortSignal | undefined;
}

/** Which version of a document: later writes to a shard have a higher term, or the same term and a higher number. */
export interface WriteMark {
  /** The write's number in its shard. */
  readonly seqNo: number;
  /** How often the shard had changed its primary. */
  readonly primaryTerm: number;
}

/** An index that holds documents: what a name, an alias or a data stream stands for. */
export interface ConcreteIndex {
  /** Its name. */
  readonly name: string;
  /** Changes when the index is made anew under the same name, or the place of its states is. */
  readonly identity: string;
  /** Primary shards. */
  readonly shards: number;
  /** Copies of each shard, as the setting says it; absent when the index has none. */
  readonly replicas: string | undefined;
}
