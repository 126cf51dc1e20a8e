/** Cuts the documents of shards into slices, which workers share. */
import type { ShardSpan } from '../../cluster/shards.ts';

/**
 * A part of a shard: the documents whose last write's number lies in a range. A document keeps its number until it is
 * written again, so that a slice means the same to every worker, and after any interruption.
 */
export interface Slice {
  /**
   * What the slice holds: documents, whose states are built, or states in the index beside, among which orphans are
   * found.
   */
  readonly of: 'documents' | 'states';
  /** The name of the documents' index. */
  readonly index: string;
  /** Tells the index from another one of the same name, and its states from those of another place. */
  readonly identity: string;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** Number of the write before the first, exclusive; -1 at the start of the shard. */
  readonly after: number;
  /** Number of the last write, inclusive. */
  readonly to: number;
}

/** The fewest documents worth a slice of their own. */
const leastDocuments = 50;

/** Cuts spans into about the wanted number of slices, in proportion to their documents. */
export function cutSlices(
  spans: readonly ShardSpan[],
  slices: number,
  of: Slice['of'] = 'documents',
): readonly Slice[] {
  const total = spans.reduce((sum, { documents }) => sum + documents, 0);
  return spans.flatMap(({ index, shard, documents, after, firstSeqNo, lastSeqNo }) => {
    const first = Math.max(after, firstSeqNo - 1);
    if (lastSeqNo <= first) return [];
    const wanted = Math.min(Math.round((slices * documents) / total), Math.ceil(documents / leastDocuments));
    const pieces = Math.max(1, Math.min(wanted, lastSeqNo - first));
    const bound = (i: number): number => first + Math.round(((lastSeqNo - first) * i) / pieces);
    return Array.from({ length: pieces }, (_, i) => ({
      of,
      index: index.name,
      identity: index.identity,
      shard,
      after: bound(i),
      to: bound(i + 1),
    }));
  });
}
