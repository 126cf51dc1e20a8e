/** Which indices a name stands for, what their shards hold, and how that is cut into slices. */
import { isObject } from '../search-body/json.ts';
import type { Cluster } from './cluster.ts';
import type { CallOptions, ConcreteIndex } from './contract.ts';
import { isOwnIndex } from './names.ts';

/** What one shard holds. */
export interface ShardSpan {
  /** The index. */
  readonly index: ConcreteIndex;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** Documents in it. */
  readonly documents: number;
  /** The lowest number of a write whose document is there. */
  readonly firstSeqNo: number;
  /** The highest one. */
  readonly lastSeqNo: number;
}

/**
 * A part of a shard: the documents whose last write's number lies in a range. Numbers stay what they are as long as a
 * document does, so that a slice means the same to every worker, and after any interruption.
 */
export interface Slice {
  /** The index's name. */
  readonly index: string;
  /** Its {@link ConcreteIndex.identity}. */
  readonly identity: string;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** First number, exclusive; -1 for the first of all. */
  readonly after: number;
  /** Last number, inclusive. */
  readonly to: number;
}

/** The indices behind a name, alias, data stream or pattern; our own are left out. @throws FirstStageError when there are none. */
export async function concreteIndices(
  cluster: Cluster,
  index: string,
  options: CallOptions = {},
): Promise<readonly ConcreteIndex[]> {
  const path = `/${encodeURIComponent(index)}/_settings`;
  const what = `read the settings of "${index}"`;
  const querystring = { flat_settings: 'true', expand_wildcards: 'open' };
  const { body } = await cluster.ask({ method: 'GET', path, querystring }, { what, ...options });
  return Object.entries(body).flatMap(([name, entry]) => {
    const settings = isObject(entry) && isObject(entry['settings']) ? entry['settings'] : {};
    if (isOwnIndex(name)) return [];
    const replicas = settings['index.number_of_replicas'];
    return [
      {
        name,
        identity: String(settings['index.uuid']),
        shards: Number(settings['index.number_of_shards']),
        replicas: typeof replicas === 'string' ? replicas : undefined,
      },
    ];
  });
}

/** Spans of every shard that holds documents. What was written before is made visible first, where that is allowed. */
export async function shardSpans(
  cluster: Cluster,
  indices: readonly ConcreteIndex[],
  options: CallOptions = {},
): Promise<readonly ShardSpan[]> {
  const spans: ShardSpan[] = [];
  for (const index of indices) {
    const path = `/${encodeURIComponent(index.name)}`;
    const what = `read "${index.name}"`;
    // Without the right to refresh, what was written in the last second may wait for the next run.
    await cluster.ask({ method: 'POST', path: `${path}/_refresh` }, { what, allowed: [403], ...options });
    for (let shard = 0; shard < index.shards; shard += 1) {
      const search = async (order: 'asc' | 'desc'): Promise<unknown> => {
        const querystring = { preference: `_shards:${shard}` };
        const ask = { size: 1, _source: false, sort: [{ _seq_no: order }], track_total_hits: true };
        const request = { method: 'POST', path: `${path}/_search`, querystring, body: ask } as const;
        return (await cluster.ask(request, { what, ...options })).body['hits'];
      };
      const [first, last] = [readEnd(await search('asc')), readEnd(await search('desc'))];
      if (!first || !last) continue;
      spans.push({ index, shard, documents: last.documents, firstSeqNo: first.seqNo, lastSeqNo: last.seqNo });
    }
  }
  return spans;
}

/** The one hit of a search for the first or the last write; `undefined` when a shard is empty. */
function readEnd(hits: unknown): { readonly documents: number; readonly seqNo: number } | undefined {
  if (!isObject(hits) || !Array.isArray(hits['hits']) || hits['hits'].length === 0) return undefined;
  const documents = isObject(hits['total']) ? hits['total']['value'] : hits['total'];
  return { documents: Number(documents), seqNo: Number(hits['hits'][0].sort[0]) };
}

/** The fewest documents worth a slice of their own. */
const leastDocuments = 50;

/** Cuts spans into about so many slices, in proportion to their documents; `after` leaves out what lies before it. */
export function cutSlices(
  spans: readonly ShardSpan[],
  slices: number,
  after: (span: ShardSpan) => number = () => -1,
): readonly Slice[] {
  const total = spans.reduce((sum, { documents }) => sum + documents, 0);
  return spans.flatMap((span) => {
    const { index, shard, documents, firstSeqNo, lastSeqNo } = span;
    const first = Math.max(after(span), firstSeqNo - 1);
    if (lastSeqNo <= first) return [];
    const wanted = Math.min(Math.round((slices * documents) / total), Math.ceil(documents / leastDocuments));
    const pieces = Math.max(1, Math.min(wanted, lastSeqNo - first));
    const bound = (i: number): number => first + Math.round(((lastSeqNo - first) * i) / pieces);
    return Array.from({ length: pieces }, (_, i) => ({
      index: index.name,
      identity: index.identity,
      shard,
      after: bound(i),
      to: bound(i + 1),
    }));
  });
}
