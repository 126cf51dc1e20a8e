/** One real server as the measurements use it. */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import { elasticsearchAdapter } from '../../adapters/elasticsearch/index.ts';
import { opensearchAdapter } from '../../adapters/opensearch/index.ts';
import type { StoredStates, TransportOwner } from '../../adapters/server.ts';
import type { Reranker } from '../../engine/index.ts';
import { type RescoringStage, rescoringStage } from '../../plugin/stage/index.ts';
import { type ServerChoice, servers, startServer } from '../../test/support/servers/start.ts';
import type { ScaleDocument } from './collections.ts';

/** An index of documents, `body` and `title`, in one shard. */
export interface ScaleServer {
  readonly choice: ServerChoice;
  readonly client: TransportOwner;
  /** Indexes documents. */
  fill(index: string, documents: readonly ScaleDocument[]): Promise<void>;
  /** Bytes of an index, merged to one segment. */
  bytesOf(index: string): Promise<number>;
  /** Used bytes of the server's heap. */
  heapBytes(): Promise<number>;
  /** A stage over the server that reranks so many hits. */
  stage(
    reranker: Reranker,
    states: StoredStates | undefined,
    rankWindowSize: number,
  ): RescoringStage<never, never>;
  /** A search in the words of a query, as the stage takes it. */
  request(index: string, words: string, size: number): never;
  close(): Promise<void>;
}

const fields = ['title', 'body'];
const linesOfCall = 4000;

/** Starts the newest version of a product. */
export async function openScaleServer(product: string): Promise<ScaleServer> {
  const choice = servers.find((one) => one.product === product)!;
  const server = await startServer(choice, { ml: false });
  const isOpenSearch = choice.product === 'opensearch';
  const client = isOpenSearch
    ? new OpenSearchClient({ node: server.url, requestTimeout: 300_000 })
    : new ElasticsearchClient({ node: server.url, requestTimeout: 300_000 });
  const send = async (call: string, body?: object | string): Promise<Record<string, unknown>> => {
    const [method, path] = call.split(' ') as [string, string];
    const type = typeof body === 'string' ? 'application/x-ndjson' : 'application/json';
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: { 'content-type': type },
      body: text,
    });
    if (!answer.ok) throw new Error(`${call}: ${answer.status} ${await answer.text()}`);
    return answer.json() as Promise<Record<string, unknown>>;
  };
  return {
    choice,
    client: client as unknown as TransportOwner,
    async fill(index, documents) {
      const text = { type: 'text' };
      const settings = { number_of_shards: 1, number_of_replicas: 0, refresh_interval: '-1' };
      await send(`PUT /${index}`, { settings, mappings: { properties: { title: text, body: text } } });
      for (let at = 0; at < documents.length; at += linesOfCall / 2) {
        const lines = documents
          .slice(at, at + linesOfCall / 2)
          .flatMap((document, i) => [{ index: { _id: `d${at + i}` } }, document]);
        await send(`POST /${index}/_bulk`, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      }
    },
    async bytesOf(index) {
      await send(`POST /${index}/_refresh`);
      await send(`POST /${index}/_forcemerge?max_num_segments=1`);
      await send(`POST /${index}/_flush`);
      // Segments that were merged away stay on disk until nobody reads them any more.
      await send(`POST /${index}/_refresh`);
      await send(`POST /${index}/_flush?force=true`);
      const { _all: all } = await send(`GET /${index}/_stats/store`);
      return (all as { primaries: { store: { size_in_bytes: number } } }).primaries.store.size_in_bytes;
    },
    async heapBytes() {
      const { nodes } = await send('GET /_nodes/stats/jvm');
      const [node] = Object.values(nodes as Record<string, { jvm: { mem: { heap_used_in_bytes: number } } }>);
      return node!.jvm.mem.heap_used_in_bytes;
    },
    stage(reranker, states, rankWindowSize) {
      const options = { client: client as never, fields, states };
      const adapter = isOpenSearch ? opensearchAdapter(options) : elasticsearchAdapter(options);
      return rescoringStage({ adapter: adapter as never, reranker, cache: false, rankWindowSize });
    },
    request(index, words, size) {
      const body = { query: { multi_match: { query: words, fields } }, size };
      return (isOpenSearch ? { index, body } : { index, ...body }) as never;
    },
    async close() {
      await client.close();
      await server.close();
    },
  };
}
