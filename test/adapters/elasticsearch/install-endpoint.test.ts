import { describe, expect, it, onTestFinished } from 'vitest';
import {
  elasticsearchAdvice,
  endpointDefinition,
  planElasticsearchInstall,
  planElasticsearchUninstall,
  readElasticsearchState,
  tryEndpoint,
} from '../../../adapters/elasticsearch/index.ts';
import { runPlan } from '../../../adapters/server.ts';
import { openElasticsearchStack } from '../../support/doubles/elasticsearch-stack.ts';
import { startRerankServiceDouble } from '../../support/doubles/rerank-service-double.ts';

/** A changed endpoint is made under another id and asked, before the one that searches name is touched. */
const trialThen = ['PUT /_inference/rerank/blockrank-trial', 'DELETE /_inference/rerank/blockrank-trial'];

const texts = ['first', 'second', 'third "quoted"\nline'];

describe.each(['custom', 'hugging_face'] as const)('an inference endpoint of the service %s', (inference) => {
  it('is created, and ranks a window in the order of the service', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install({ inference });
    service.forget();
    const ranked = await elasticsearch.retrieve('blockrank', 'which "one"?', texts);
    expect(ranked.map(({ index }) => index)).toEqual([2, 1, 0]);
    const [asked] = service.asked;
    expect(asked).toMatchObject({ query: 'which "one"?', documents: texts });
    expect(asked!.path).toBe(inference === 'custom' ? '/v1/rerank' : '/rerank');
  });

  it('sends neither top_n nor return_documents, which a retriever does not give', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install({ inference });
    await elasticsearch.retrieve('blockrank', 'q', texts);
    expect(service.asked.at(-1)!.text).not.toMatch(/top_n|return_/);
  });

  it('keeps scores in order, and none negative, after the transform of the retriever', async () => {
    const { elasticsearch, install } = await openElasticsearchStack();
    await install({ inference });
    const many = Array.from({ length: 100 }, (_, i) => `document ${i}`);
    const ranked = await elasticsearch.retrieve('blockrank', 'q', many);
    const scores = ranked.map(({ score }) => score);
    expect(scores.every((score, i) => score >= 0 && (i === 0 || score < scores[i - 1]!))).toBe(true);
  });

  it('shows the key to the service', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack({}, 'K-secret');
    await install({ inference, serviceKey: 'K-secret' });
    await elasticsearch.retrieve('blockrank', 'q', texts);
    expect(service.asked.at(-1)!.authorization).toBe('Bearer K-secret');
  });

  it('is left alone by a second run', async () => {
    const { elasticsearch, install } = await openElasticsearchStack();
    await install({ inference });
    const before = elasticsearch.writes().length;
    const plan = await install({ inference });
    expect(plan.steps).toEqual([]);
    expect(plan.parts.map(({ state }) => state)).toEqual(['unchanged']);
    expect(elasticsearch.writes()).toHaveLength(before);
  });

  it('is deleted and made again when the address differs', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install({ inference });
    const other = await startRerankServiceDouble();
    onTestFinished(other.close);
    const plan = await install({ inference, serviceUrl: other.url });
    const path = inference === 'custom' ? '/v1/rerank' : '/rerank';
    expect(plan.parts[0]!.differences).toEqual([`url: "${service.url}${path}" -> "${other.url}${path}"`]);
    expect(plan.warnings[0]).toContain('Until "blockrank" is made again');
    expect(elasticsearch.writes()).toEqual([
      'PUT /_inference/rerank/blockrank',
      ...trialThen,
      'DELETE /_inference/rerank/blockrank',
      'PUT /_inference/rerank/blockrank',
    ]);
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });

  it('breaks a search when the service answers for fewer documents', async () => {
    const { elasticsearch, service, install, calls } = await openElasticsearchStack();
    await install({ inference });
    service.behave({ kind: 'drops', count: 1 });
    await expect(elasticsearch.retrieve('blockrank', 'q', texts)).rejects.toThrow('score count mismatch');
    await expect(tryEndpoint(calls, 'blockrank')).rejects.toThrow('it gave 1 scores for 2 documents');
    service.behave({ kind: 'drops', count: -1 });
    await expect(elasticsearch.retrieve('blockrank', 'q', texts)).rejects.toThrow('score count mismatch');
    await expect(tryEndpoint(calls, 'blockrank')).rejects.toThrow('it gave 3 scores for 2 documents');
  });

  it('sends up to 10000 requests a minute, where the server would stop TEI at 3000', async () => {
    const { install, calls } = await openElasticsearchStack();
    await install({ inference });
    const { endpoint } = await readElasticsearchState(calls, 'blockrank');
    const limit = { requests_per_minute: 10_000 };
    expect(endpoint!.settings['rate_limit']).toEqual(limit);
    // Said for both, so that a changed default of the server changes nothing.
    expect(endpointDefinition({ serviceUrl: 'http://b:1', inference }).settings['rate_limit']).toEqual(limit);
  });

  it('may get whole numbers and long literals as scores', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install({ inference });
    for (const literal of ['1', '0.98765432109876543', '1e-7']) {
      service.behave({ kind: 'literal', literal });
      expect(await elasticsearch.retrieve('blockrank', 'q', texts)).toHaveLength(3);
    }
  });
});

describe('an inference endpoint', () => {
  it('of hugging_face refuses entries with a field of their own', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install({ inference: 'hugging_face' });
    service.behave({ kind: 'extra' });
    await expect(elasticsearch.retrieve('blockrank', 'q', texts)).rejects.toThrow('unknown field [rank]');
  });

  it('of custom passes over entries with a field of their own', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install();
    service.behave({ kind: 'extra' });
    expect(await elasticsearch.retrieve('blockrank', 'q', texts)).toHaveLength(3);
  });

  it('names the model that was asked for', async () => {
    const { service, install } = await openElasticsearchStack();
    await install({ model: 'a "model"' });
    expect(JSON.parse(service.asked.at(-1)!.text)).toMatchObject({ model: 'a "model"' });
  });

  it('is not created while the service is away, and the error says what to check', async () => {
    const { service, install } = await openElasticsearchStack();
    await service.stop();
    await expect(install()).rejects.toThrow(/validation call to service threw.*Check|check that it runs/s);
  });

  it('is replaced with force even when nothing that can be read differs, for keys cannot', async () => {
    const { elasticsearch, install } = await openElasticsearchStack({}, 'K');
    await install({ serviceKey: 'K' });
    const plan = await install({ serviceKey: 'K' });
    expect(plan.warnings[0]).toContain('The server does not show keys');
    await install({ serviceKey: 'K' }, true);
    expect(elasticsearch.writes().slice(1)).toEqual([
      ...trialThen,
      'DELETE /_inference/rerank/blockrank?force=true',
      'PUT /_inference/rerank/blockrank',
    ]);
  });

  it('of another service is not replaced', async () => {
    const { install, elasticsearch } = await openElasticsearchStack({ foreign: { blockrank: 'cohere' } });
    for (const isForced of [false, true]) {
      await expect(install({}, isForced)).rejects.toThrow(
        'somebody else made the inference endpoint "blockrank", of the service "cohere": it stays',
      );
    }
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });
});

describe('replacing an endpoint', () => {
  it('that works stops while the service does not answer, and says in what state things are', async () => {
    const { elasticsearch, service, install } = await openElasticsearchStack();
    await install();
    const other = await startRerankServiceDouble();
    await other.close();
    await expect(install({ serviceUrl: other.url })).rejects.toThrow(
      /^Cannot create inference endpoint "blockrank-trial".*The endpoint "blockrank" is as it was, and searches go on\.$/s,
    );
    expect(await elasticsearch.retrieve('blockrank', 'q', texts)).toHaveLength(3);
    expect(service.asked.at(-1)!.documents).toEqual(texts);
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });

  it('stops when the trial endpoint answers for other documents than it was asked about', async () => {
    const { elasticsearch, install } = await openElasticsearchStack();
    await install();
    const other = await startRerankServiceDouble();
    onTestFinished(other.close);
    // The server's own check asks about one document, and looks at nothing.
    other.behave({ kind: 'drops', count: 1 });
    await expect(install({ serviceUrl: other.url })).rejects.toThrow(
      /^Cannot ask inference endpoint "blockrank-trial": it gave 1 scores for 2 documents.*"blockrank" is as it was/,
    );
    expect(await elasticsearch.retrieve('blockrank', 'q', texts)).toHaveLength(3);
    // The trial is taken back.
    expect(elasticsearch.ids()).toEqual(['blockrank']);
    expect(elasticsearch.writes().slice(1)).toEqual(trialThen);
  });

  it('that something refers to stops at its deletion, with the endpoint as it was', async () => {
    const { elasticsearch, install } = await openElasticsearchStack({ referenced: ['blockrank'] });
    await install();
    await expect(install({ model: 'm' })).rejects.toThrow(/give --force.*"blockrank" is as it was/);
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });

  it('says that it is gone when it cannot be made again', async () => {
    const { calls, elasticsearch, service, install } = await openElasticsearchStack();
    await install();
    const wanted = endpointDefinition({ serviceUrl: service.url, model: 'm' });
    const plan = planElasticsearchInstall(await readElasticsearchState(calls, 'blockrank'), wanted);
    const running = runPlan(plan, {
      calls: {
        server: 'elasticsearch',
        async request(request, options) {
          // The service dies in the one moment in which it may not.
          if (request.path.endsWith('/blockrank') && request.method === 'PUT') await service.stop();
          return calls.request(request, options);
        },
      },
      advice: elasticsearchAdvice,
    });
    await expect(running).rejects.toThrow(
      /"blockrank" was deleted and is not there again: searches that name it fail until this is run again\.$/,
    );
    expect(elasticsearch.ids()).toEqual([]);
    await service.start();
    await install({ model: 'm' });
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });

  it('does not delete what has the id of the trial, unless an interrupted run left it, which --force says', async () => {
    const { calls, elasticsearch, service, install } = await openElasticsearchStack();
    await install();
    await install({ name: 'blockrank-trial', serviceUrl: `${service.url}/` });
    await expect(install({ model: 'm' })).rejects.toThrow(
      /blockrank-trial: an inference endpoint of this id is there.*give --force to delete it/,
    );
    expect(elasticsearch.ids()).toEqual(['blockrank', 'blockrank-trial']);
    const removal = planElasticsearchUninstall(await readElasticsearchState(calls, 'blockrank'), 'blockrank');
    expect(removal.warnings.at(-1)).toContain('DELETE /_inference/rerank/blockrank-trial removes it');
    await install({ model: 'm' }, true);
    expect(elasticsearch.ids()).toEqual(['blockrank']);
  });

  it('never deletes a trial that is of a service of somebody else', async () => {
    const { elasticsearch, install } = await openElasticsearchStack({
      foreign: { 'blockrank-trial': 'cohere' },
    });
    await install();
    await expect(install({ model: 'm' }, true)).rejects.toThrow(
      /of the service "cohere": give another --name/,
    );
    expect(elasticsearch.ids()).toContain('blockrank-trial');
  });

  it.each([
    ['a key that is wanted no more', { serviceKey: 'K' }, {}],
    ['a key that is wanted now', {}, { serviceKey: 'K' }],
  ])('happens by itself for %s: the header shows it', async (_name, before, after) => {
    const { install } = await openElasticsearchStack();
    await install(before);
    const plan = await install(after);
    expect(plan.parts[0]!.differences.join()).toContain('headers.Authorization');
    expect((await install(after)).steps).toEqual([]);
  });
});
