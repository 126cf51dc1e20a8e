/** What the shards of indices hold, and up to where it can be read without missing a write. */
import { FirstStageError } from '../../engine/index.ts';
import type { CallOptions, ConcreteIndex } from './contract.ts';
import { toPaths } from './indices.ts';
import { isObject, toList } from './json.ts';
import type { Cluster } from './patient-calls.ts';

/** What was written to one shard after a given write. */
export interface ShardSpan {
  /** The index. */
  readonly index: ConcreteIndex;
  /** 0-based number of the shard. */
  readonly shard: number;
  /** Number of a write, exclusive: everything up to it was looked at before; -1 when nothing was. */
  readonly after: number;
  /** Number of a write, inclusive: every write up to it is done, and can be seen. */
  readonly to: number;
  /** Documents whose last write lies in between. */
  readonly documents: number;
  /** The lowest number of such a write; `to` when there is none. */
  readonly firstSeqNo: number;
  /** The highest one; `after` when there is none. */
  readonly lastSeqNo: number;
}

/** Up to which write a shard was looked at; -1 for one that was not. */
export type LookedAt = (index: ConcreteIndex, shard: number) => number;

/**
 * Spans of every shard that was written to. Their ends are read before what was written is made visible: writes are
 * numbered before they are done, so that one may become visible while a lower number is still on its way, and only what
 * lies below the shard's checkpoint is complete.
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
    // An index that was restored from an older copy counts anew.
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

/** A search or a point in time over one shard; OpenSearch's copies may follow their primary at a distance. */
export function shardPreference(server: Cluster['server'], shard: number): string {
  return server === 'opensearch' ? `_shards:${shard}|_primary` : `_shards:${shard}`;
}

interface ShardEnd {
  readonly index: ConcreteIndex;
  readonly shard: number;
  /** Every write up to this one is done, on every copy. */
  readonly checkpoint: number;
  /** The highest number that was given to a write. */
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
      // As for any server that is away: it is asked again.
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
