/** The official client of a real server. */
import { Client as ElasticsearchClient } from '@elastic/elasticsearch';
import { Client as OpenSearchClient } from '@opensearch-project/opensearch';
import type { TransportOwner } from '../../../adapters/server.ts';
import type { ServerChoice } from './start.ts';

export function openStatesClient(
  { product, version }: ServerChoice,
  url: string,
): TransportOwner & { close(): Promise<unknown> } {
  if (product === 'opensearch')
    return new OpenSearchClient({ node: url }) as unknown as TransportOwner & { close(): Promise<unknown> };
  const media = 'application/vnd.elasticsearch+json; compatible-with=8';
  const headers = { accept: media, 'content-type': media };
  return new ElasticsearchClient({ node: url, ...(version.startsWith('8.') && { headers }) });
}
