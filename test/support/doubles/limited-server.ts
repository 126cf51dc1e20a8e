/** A cluster of which one index refuses a large window, in the words of Elasticsearch 9.5 and OpenSearch 3.6. */
import { type AnsweringServer, answeringServer, sendJson } from './answering-server.ts';

const reason = {
  type: 'illegal_argument_exception',
  reason:
    'Result window is too large, from + size must be less than or equal to: [50] but was [100]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.',
};

/** The refusal of a search of `limited` alone. */
export const windowRefusal: object = {
  error: {
    root_cause: [reason],
    type: 'search_phase_execution_exception',
    reason: 'all shards failed',
    phase: 'query',
    failed_shards: [{ shard: 0, index: 'limited', node: 'n', reason }],
    caused_by: { ...reason, caused_by: reason },
  },
  status: 400,
};

/** The shards of a search of `limited,free`, of which the first has refused. */
export const partialShards: Readonly<Record<'total' | 'successful' | 'skipped' | 'failed', number>> & {
  readonly failures: readonly object[];
} = {
  total: 2,
  successful: 1,
  skipped: 0,
  failed: 1,
  failures: [{ shard: 0, index: 'limited', node: 'n', reason }],
};

const allShards = { total: 2, successful: 2, skipped: 0, failed: 0 };
const hit = (_index: string, n: number) => ({
  _index,
  _id: `${_index}-${n}`,
  _score: 3 - n,
  _source: { title: `stars ${n}` },
});

/** The cluster's answer to a search of this size in these indices, joined by commas. */
export function limitedAnswer(index: string, size: number): object {
  const indices = index.split(',');
  const isCut = size > 50 && indices.includes('limited');
  if (isCut && indices.length === 1) return windowRefusal;
  const answering = isCut ? indices.filter((name) => name !== 'limited') : indices;
  const hits = answering.flatMap((name) => [hit(name, 1), hit(name, 2)]);
  return {
    took: 1,
    timed_out: false,
    _shards: isCut ? partialShards : allShards,
    hits: { total: { value: hits.length, relation: 'eq' }, max_score: 2, hits },
  };
}

/** Starts the cluster; it answers searches and multi-searches. */
export function limitedServer(): Promise<AnsweringServer> {
  return answeringServer((response, { url, body }) => {
    const path = /^\/(?:([^/?]+)\/)?_(search|msearch)/.exec(url)!;
    const index = decodeURIComponent(path[1] ?? '');
    if (path[2] === 'search') {
      const answer = limitedAnswer(index, sizeOf(JSON.parse(body || '{}')));
      return sendJson(response, 'status' in answer ? 400 : 200, answer);
    }
    const lines = body
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const responses = lines.flatMap((header, i) =>
      i % 2 === 0 ? [limitedAnswer(String(header['index'] ?? index), sizeOf(lines[i + 1]))] : [],
    );
    sendJson(response, 200, { took: 2, responses });
  });
}

function sizeOf(body: unknown): number {
  return (body as { readonly size?: number }).size ?? 10;
}
