/** How what shards hold is cut into parts that workers share. */
import type { ShardSpan } from '../../cluster/shards.ts';

/**
 * A part of a shard: the documents whose last write's number lies in a range. Numbers stay what they are as long as a
 * document does, so that a slice means the same to every worker, and after any interruption.
 */
export interface Slice {
  /** What is read: the documents, to build their states, or the states in the index beside, to find orphans. */
  readonly of: 'documents' | 'states';
  /** The name of the documents' index. */
  readonly index: string;
  /** What tells it from another one of the same name, and its states from those of another place. */
  readonly identity: string;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** First number, exclusive; -1 for the first of all. */
  readonly after: number;
  /** Last number, inclusive. */
  readonly to: number;
}

/** The fewest documents worth a slice of their own. */
const leastDocuments = 50;

/** Cuts spans into about so many slices, in proportion to their documents. */
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
