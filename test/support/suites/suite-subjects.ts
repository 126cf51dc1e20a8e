/** Prepares the adapters for the conformance suite, over any server that speaks the search API. */
import {
  type ElasticsearchClient,
  type ElasticsearchRequest,
  type ElasticsearchResponse,
  elasticsearchAdapter,
} from '../../../adapters/elasticsearch/index.ts';
import {
  type OpenSearchClient,
  type OpenSearchRequest,
  type OpenSearchResponse,
  opensearchAdapter,
} from '../../../adapters/opensearch/index.ts';
import type { StoredStates } from '../../../adapters/server.ts';
import {
  type SuiteHit,
  type SuiteSubject,
  type SuiteWish,
  suiteDocuments,
  suiteSignals,
} from '../../../plugin/testing/index.ts';

/** Makes an index that holds exactly the suite's documents; it must not exist yet. */
export async function indexSuiteDocuments(url: string, index: string): Promise<void> {
  const properties = {
    title: { type: 'text' },
    body: { type: 'text' },
    year: { type: 'integer' },
    published: { type: 'date' },
    inStock: { type: 'boolean' },
    tags: { type: 'keyword' },
    place: { type: 'geo_point' },
  };
  const settings = { number_of_shards: 1, number_of_replicas: 0 };
  await send('PUT', `${url}/${index}`, JSON.stringify({ settings, mappings: { properties } }));
  const lines = suiteDocuments.flatMap(({ docId, ...fields }) => [{ index: { _id: docId } }, fields]);
  const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const answer = await send('POST', `${url}/${index}/_bulk?refresh=true`, body, 'application/x-ndjson');
  if (answer.errors) throw new Error(`indexSuiteDocuments: ${JSON.stringify(answer)}`);
}

async function send(
  method: string,
  url: string,
  body: string,
  type = 'application/json',
): Promise<{ errors?: boolean }> {
  const response = await fetch(url, { method, body, headers: { 'content-type': type } });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return JSON.parse(text) as { errors?: boolean };
}

const fields = ['title', 'body'];

/** The Elasticsearch adapter over an index made by {@link indexSuiteDocuments}. */
export function elasticsearchSubject(
  client: ElasticsearchClient,
  index: string,
  states?: StoredStates,
): SuiteSubject<ElasticsearchRequest, ElasticsearchResponse> {
  return {
    adapter: elasticsearchAdapter({ client, fields, states, signals: suiteSignals }),
    hasSignals: true,
    request: (wish) => ({ index: indexOf(wish, index), ...bodyOf(wish) }) as ElasticsearchRequest,
    hits: ({ hits }) => hits.hits.map(toSuiteHit),
    mark: ({ blockrank }) => blockrank,
    malformed: { took: 1 } as ElasticsearchResponse,
  };
}

/** The OpenSearch adapter over an index made by {@link indexSuiteDocuments}. */
export function openSearchSubject(
  client: OpenSearchClient,
  index: string,
  states?: StoredStates,
): SuiteSubject<OpenSearchRequest, OpenSearchResponse> {
  return {
    adapter: opensearchAdapter({ client, fields, states, signals: suiteSignals }),
    hasSignals: true,
    request: (wish) => ({ index: indexOf(wish, index), body: bodyOf(wish) }),
    hits: ({ hits }) => hits.hits.map((hit) => toSuiteHit(hit)),
    mark: ({ blockrank }) => blockrank,
    malformed: { took: 1 } as unknown as OpenSearchResponse,
  };
}

function indexOf({ isRefused }: SuiteWish, index: string): string {
  return isRefused ? 'there-is-no-such-index' : index;
}

function bodyOf({ query, from, size, source, isSorted }: SuiteWish): Record<string, unknown> {
  return {
    query: { multi_match: { query, fields } },
    ...(from !== undefined && { from }),
    ...(size !== undefined && { size }),
    ...(source !== undefined && { _source: source }),
    ...(isSorted && { sort: [{ year: 'asc' }] }),
  };
}

function toSuiteHit(hit: object): SuiteHit {
  const { _id, _score, _source, blockrank } = hit as {
    _id: string;
    _score?: number | null;
    _source?: unknown;
    blockrank?: SuiteHit['mark'];
  };
  return { docId: _id, score: _score ?? undefined, source: _source, mark: blockrank };
}
