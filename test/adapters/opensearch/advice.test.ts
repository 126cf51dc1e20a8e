import { describe, expect, it } from 'vitest';
import { adviceOn, openSearchAdvice } from '../../../adapters/opensearch/index.ts';
import { openStack } from '../../support/doubles/opensearch-stack.ts';

/** An answer as the cluster gives it. */
const answer = (status: number, type: string, reason: string): Parameters<typeof openSearchAdvice>[0] => ({
  status,
  body: { error: { type, reason, root_cause: [{ type, reason }] }, status },
});

describe('openSearchAdvice', () => {
  it.each([
    [401, 'No valid API key', /does not know the key: give --service-key/],
    // Words that say nothing of a key: the status does.
    [401, 'Nope', /does not know the key: give --service-key/],
    [403, 'This key may not use the model', /refuses this key.*--service-model/],
    [429, 'Too many requests', /the service's own: look at its log/],
  ])("goes by the service's own status %i", (status, words, advice) => {
    const reason = `Error from remote service: {"message":"${words}"}`;
    expect(openSearchAdvice(answer(status, 'status_exception', reason))).toMatch(advice);
  });

  it.each([
    [401, 'Unauthorized'],
    [
      403,
      'no permissions for [cluster:admin/opensearch/ml/predict] and User [name=reader, backend_roles=[]]',
    ],
    [401, 'unable to authenticate API key'],
  ])('says nothing of the service where the cluster itself refuses (%i %s)', (status, reason) => {
    expect(openSearchAdvice(answer(status, 'security_exception', reason))).toBeUndefined();
  });

  it('names the scheme when a connection ends: neither side says that the other speaks TLS', () => {
    // What 2.19.6 and 3.6.0 say of https against a service that speaks http, and the other way round.
    const said = 'Error communicating with remote model: The connection was closed during the request. The …';
    expect(adviceOn(said)).toContain('check http:// against https:// in --service');
  });
});

describe('a refusal of the cluster', () => {
  it('names the option where the index is missing', async () => {
    const { plan } = await openStack();
    await expect(plan({ defaultPipelineIndex: 'nowhere' })).rejects.toThrow(
      /no such index \[nowhere\].* Correct the name of the index \(--index\), or make the index first\.$/,
    );
  });
});
