/** The public SDKs read the service's answers, and turn its errors into their own. */

import { CohereRerank } from '@langchain/cohere';
import { Document } from '@langchain/core/documents';
import { CohereClient, CohereClientV2, CohereError } from 'cohere-ai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VoyageAIClient, VoyageAIError } from 'voyageai';
import { remoteReranker } from '../../../engine/index.ts';
import { type TestService, testService } from '../../support/servers/test-service.ts';

const key = 'k'.repeat(20);
let service: TestService;
beforeAll(async () => {
  service = await testService({ config: { keys: [{ tenant: 'sdk', key }] } });
});
afterAll(() => service.close());

const query = 'dogs bark';
const documents = ['birds fly', 'dogs bark loud', 'dogs sleep'];

describe('cohere-ai', () => {
  it('reranks by v2', async () => {
    const client = new CohereClientV2({ token: key, environment: service.url });
    const { results, meta } = await client.rerank({ model: 'blockrank', query, documents, topN: 2 });
    expect(results.map(({ index }) => index)).toEqual([1, 2]);
    expect(meta?.billedUnits?.searchUnits).toBe(1);
  });

  it('reranks by v1, with documents as objects', async () => {
    const client = new CohereClient({ token: key, environment: `${service.url}/cohere` });
    const { results } = await client.rerank({
      query,
      documents: documents.map((text) => ({ text })),
      returnDocuments: true,
    });
    expect(results[0]).toMatchObject({ index: 1, document: { text: 'dogs bark loud' } });
  });

  it('throws its own error, with our message', async () => {
    const client = new CohereClientV2({ token: 'wrong', environment: service.url });
    const error = await client.rerank({ model: 'blockrank', query, documents }).catch((caught) => caught);
    expect(error).toBeInstanceOf(CohereError);
    expect(error).toMatchObject({ statusCode: 401 });
    expect(String(error)).toContain('API key');
  });
});

describe('voyageai', () => {
  it('reranks', async () => {
    const client = new VoyageAIClient({ apiKey: key, environment: `${service.url}/voyage/v1` });
    const { data, usage } = await client.rerank({ model: 'blockrank', query, documents, topK: 2 });
    expect(data?.map(({ index }) => index)).toEqual([1, 2]);
    expect(usage?.totalTokens).toBeGreaterThanOrEqual(0);
  });

  it('throws its own error', async () => {
    const client = new VoyageAIClient({ apiKey: 'wrong', environment: `${service.url}/voyage/v1` });
    await expect(client.rerank({ model: 'm', query, documents })).rejects.toBeInstanceOf(VoyageAIError);
  });
});

describe('LangChain.js', () => {
  it('reranks documents by its Cohere compressor', async () => {
    const client = new CohereClient({ token: key, environment: `${service.url}/cohere` });
    const compressor = new CohereRerank({ client: client as never, model: 'blockrank', topN: 2 });
    const found = await compressor.compressDocuments(
      documents.map((pageContent) => new Document({ pageContent })),
      query,
    );
    expect(found.map(({ pageContent }) => pageContent)).toEqual(['dogs bark loud', 'dogs sleep']);
    expect(found[0]!.metadata['relevanceScore']).toBeGreaterThan(found[1]!.metadata['relevanceScore']);
  });
});

describe('our own remote reranker', () => {
  it.each([
    ['cohere', '/v2/rerank'],
    ['cohere', '/v1/rerank'],
    ['jina', '/jina/v1/rerank'],
    ['voyage', '/voyage/v1/rerank'],
    ['tei', '/rerank'],
  ] as const)('reads the form %s of %s', async (api, path) => {
    const reranker = remoteReranker({ api, url: `${service.url}${path}`, apiKey: key });
    const { candidates } = await reranker.rerank({
      query: { text: query },
      candidates: documents.map((text, i) => ({ docId: String(i), text, segments: [] })),
      firstStage: 'unknown',
    });
    expect(candidates.map(({ index }) => index)).toEqual([1, 2, 0]);
    await reranker.close();
  });
});
