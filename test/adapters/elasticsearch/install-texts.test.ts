/** What is written about an endpoint: its definition, examples, advice. */
import { describe, expect, it } from 'vitest';
import {
  elasticsearchAdvice,
  endpointDefinition,
  esqlExample,
  retrieverExample,
} from '../../../adapters/elasticsearch/index.ts';
import { ConfigurationError } from '../../../engine/index.ts';

describe('elasticsearchAdvice', () => {
  const answer = (status: number, reason: string): Parameters<typeof elasticsearchAdvice>[0] => ({
    status,
    body: { error: { type: 'security_exception', reason }, status },
  });
  const ofService = (status: number): string =>
    `Received an authentication error status code for request from inference entity id [blockrank] status [${status}]. Error message: [no]`;

  it.each([
    [401, /does not know the key: give --service-key/],
    [403, /refuses this key.*--service-model/],
  ])("goes by the service's status %i", (status, advice) => {
    expect(elasticsearchAdvice(answer(status, ofService(status)))).toMatch(advice);
  });

  it.each([
    [401, 'missing authentication credentials for REST request [/_inference/rerank/blockrank]'],
    [403, 'action [cluster:admin/xpack/inference/put] is unauthorized for user [reader] with roles [viewer]'],
  ])('says nothing of the service where the cluster itself refuses (%i)', (status, reason) => {
    expect(elasticsearchAdvice(answer(status, reason))).toBeUndefined();
  });
});

describe('endpointDefinition', () => {
  it('lists every option that cannot be', () => {
    const options = {
      serviceUrl: 'blockrank:8080',
      name: 'Big Name',
      inference: 'hugging_face',
      model: 'm',
    } as const;
    expect(() => endpointDefinition(options)).toThrow(ConfigurationError);
    try {
      endpointDefinition(options);
    } catch (error) {
      expect((error as ConfigurationError).issues.map(({ path }) => path)).toEqual([
        'serviceUrl',
        'name',
        'model',
      ]);
    }
  });

  it.each([
    'http://user:secret@blockrank:8080',
    'http://blockrank:8080/v1/rerank',
    'http://blockrank:8080/?a=1',
    'ftp://blockrank',
  ])('refuses the address %s', (serviceUrl) => {
    expect(() => endpointDefinition({ serviceUrl })).toThrow(/serviceUrl/);
  });

  it('keeps a prefix of the path', () => {
    const { settings } = endpointDefinition({ serviceUrl: 'https://host/rerankers/' });
    expect(settings['url']).toBe('https://host/rerankers/v1/rerank');
  });
});

describe('examples', () => {
  it('name the endpoint, one field, a window and what happens on failure', () => {
    const { retriever } = retrieverExample({ id: 'blockrank', field: 'body', query: 'wing flow' }) as {
      retriever: { text_similarity_reranker: object };
    };
    expect(retriever.text_similarity_reranker).toMatchObject({
      field: 'body',
      inference_id: 'blockrank',
      inference_text: 'wing flow',
      rank_window_size: 100,
      allow_rerank_failures: true,
    });
    expect(esqlExample({ id: 'blockrank', field: 'body', query: 'a "b"' })).toContain(
      'RERANK "a \\"b\\"" ON body WITH { "inference_id" : "blockrank" }',
    );
  });
});
