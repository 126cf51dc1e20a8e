/** Reads what the shards of indices hold, and up to which write a reader misses nothing. */
import { FirstStageError } from '../../engine/index.ts';
import type { CallOptions, ConcreteIndex } from './contract.ts';
import { toPaths } from './indices.ts';
import { isObject, toList } from './json.ts';
import type { Cluster } from './patient-calls.ts';

/** The writes to one shard after a given write. */
export interface ShardSpan {
  /** The index. */
  readonly index: ConcreteIndex;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** Number of a write, exclusive: an earlier reader looked at everything up to it; -1 when no reader did. */
  readonly after: number;
  /** Number of a write, inclusive: every write up to it is done and visible. */
  readonly to: number;
  /** Number of documents whose last write lies in the span. */
  readonly documents: number;
  /** The lowest number of such a write; `to` when there is none. */
  readonly firstSeqNo: number;
  /** The highest number of such a write; `after` when there is none. */
  readonly lastSeqNo: number;
}

/** The last write of a shard that was looked at; -1 when none was. */
export type LookedAt = (index: ConcreteIndex, shard: number) => number;

/**
 * The spans of every shard that has new writes. The ends of spans are read before the refresh that makes writes
 * visible: the server numbers a write before it is done, so that a write may become visible while a lower number is
 * still on its way, and only the writes up to the shard's checkpoint are complete.
 *
 * @param lookedAt - Where spans begin. @defaultValue at the first write
 * @throws FirstStageError when the credentials may not see or refresh the index.
 */
export async function shardSpans(
  cluster: Cluster,
  indices: readonly ConcreteIndex[],
  lookedAt: LookedAt = () => -1,
  options: CallOptions = {},
): Promise<readonly ShardSpan[]> {
  const ends = await shardEnds(cluster, indices, options);
  const moved = ends.flatMap((end) => {
    const before = lookedAt(end.index, end.shard);
    // A lower number means that the index was restored from an older copy: it counts anew.
    const after = end.lastSeqNo < before ? -1 : before;
    return end.checkpoint > after ? [{ ...end, after }] : [];
  });
  const names = [...new Set(moved.map(({ index }) => index.name))];
  for (const path of toPaths(names)) {
    await cluster.ask({ method: 'POST', path: `${path}/_refresh` }, { what: `refresh ${path}`, ...options });
  }
  const spans: ShardSpan[] = [];
  for (const end of moved) spans.push(await toSpan(cluster, end, options));
  return spans;
}

/**
 * The `preference` that limits a search or a point in time to one shard, and on OpenSearch to its primary: copies there
 * may lag behind.
 */
export function shardPreference(server: Cluster['server'], shard: number): string {
  return server === 'opensearch' ? `_shards:${shard}|_primary` : `_shards:${shard}`;
}

interface ShardEnd {
  readonly index: ConcreteIndex;
  readonly shard: number;
  /** Number of a write, inclusive: every write up to it is done on every copy. */
  readonly checkpoint: number;
  /** The highest number that any write has. */
  readonly lastSeqNo: number;
}

async function shardEnds(
  cluster: Cluster,
  indices: readonly ConcreteIndex[],
  { signal }: CallOptions,
): Promise<readonly ShardEnd[]> {
  const ends: ShardEnd[] = [];
  for (const path of toPaths(indices.map(({ name }) => name))) {
    const request = {
      method: 'GET',
      path: `${path}/_stats/docs`,
      querystring: {
        level: 'shards',
        filter_path: 'indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no',
      },
    } as const;
    const there = indices.filter(({ name }) => path.slice(1).split(',').includes(encodeURIComponent(name)));
    ends.push(
      ...(await cluster.patience(async () => {
        const { body } = await cluster.askOnce(request, { what: `read how far ${path} was written`, signal });
        return there.flatMap((index) => endsOf(cluster, index, body['indices']));
      }, signal)),
    );
  }
  return ends;
}

function endsOf(cluster: Cluster, index: ConcreteIndex, stats: unknown): readonly ShardEnd[] {
  const own = isObject(stats) ? stats[index.name] : undefined;
  const shards = isObject(own) && isObject(own['shards']) ? own['shards'] : {};
  return Array.from({ length: index.shards }, (_, shard) => {
    const primary = toList(shards[String(shard)])
      .filter(isObject)
      .find(({ routing }) => isObject(routing) && routing['primary'] === true);
    const numbers = primary?.['seq_no'];
    if (!isObject(numbers)) {
      // Thrown as for a server that is away, so that the caller asks again.
      throw new FirstStageError(`Cannot read "${index.name}": the primary of shard ${shard} is away.`, {
        adapter: cluster.server,
        statusCode: 503,
      });
    }
    return {
      index,
      shard,
      checkpoint: Number(numbers['global_checkpoint']),
      lastSeqNo: Number(numbers['max_seq_no']),
    };
  });
}

async function toSpan(
  cluster: Cluster,
  { index, shard, after, checkpoint: to }: ShardEnd & { readonly after: number },
  options: CallOptions,
): Promise<ShardSpan> {
  const search = async (order: 'asc' | 'desc'): Promise<unknown> => {
    const request = {
      method: 'POST',
      path: `/${encodeURIComponent(index.name)}/_search`,
      querystring: { preference: shardPreference(cluster.server, shard) },
      body: {
        size: 1,
        _source: false,
        query: { range: { _seq_no: { gt: after, lte: to } } },
        sort: [{ _seq_no: order }],
        track_total_hits: true,
      },
    } as const;
    return (await cluster.ask(request, { what: `read "${index.name}"`, ...options })).body['hits'];
  };
  const [first, last] = [readEnd(await search('asc')), readEnd(await search('desc'))];
  const span = { index, shard, after, to };
  if (!first || !last) return { ...span, documents: 0, firstSeqNo: to, lastSeqNo: after };
  return { ...span, documents: last.documents, firstSeqNo: first.seqNo, lastSeqNo: last.seqNo };
}

/** The one hit of a search for the first or the last write; `undefined` when there is none. */
function readEnd(hits: unknown): { readonly documents: number; readonly seqNo: number } | undefined {
  if (!isObject(hits) || !Array.isArray(hits['hits']) || hits['hits'].length === 0) return undefined;
  const documents = isObject(hits['total']) ? hits['total']['value'] : hits['total'];
  return { documents: Number(documents), seqNo: Number(hits['hits'][0].sort[0]) };
}
