import { describe, expect, it } from 'vitest';
import {
  elasticsearchAdvice,
  endpointDefinition,
  planElasticsearchUninstall,
  readElasticsearchState,
  tryEndpoint,
} from '../../../adapters/elasticsearch/index.ts';
import { runPlan } from '../../../adapters/server.ts';
import { FirstStageError } from '../../../engine/index.ts';
import { openElasticsearchStack } from '../../support/doubles/elasticsearch-stack.ts';

describe('a version that puts queries raw into templates', () => {
  it('is found out by the test call, whose query holds quotes', async () => {
    const { install, calls } = await openElasticsearchStack({ isQueryRaw: true });
    // The server's own check takes words that are no JSON either, and the double of the service answers them.
    await install().catch(() => undefined);
    await expect(tryEndpoint(calls, 'blockrank')).rejects.toThrow(FirstStageError);
  });
});

describe('licences', () => {
  it.each(['basic', 'standard', 'gold', 'platinum'])(
    '%s: said plainly, with what works instead',
    async (type) => {
      const { install, elasticsearch } = await openElasticsearchStack({
        licence: { type, status: 'active' },
      });
      await expect(install()).rejects.toThrow(
        new RegExp(
          `this cluster has a ${type} licence; inference endpoints need Enterprise or a trial.*blockrank proxy`,
        ),
      );
      expect(elasticsearch.writes()).toEqual([]);
    },
  );

  it.each(['trial', 'enterprise'])('%s suffices', async (type) => {
    const { install } = await openElasticsearchStack({ licence: { type, status: 'active' } });
    expect((await install()).blockers).toEqual([]);
  });

  it('that have expired are named', async () => {
    const { install } = await openElasticsearchStack({ licence: { type: 'trial', status: 'expired' } });
    await expect(install()).rejects.toThrow("this cluster's trial licence is expired");
  });
});

describe('versions', () => {
  it.each(['8.18.4', '9.0.5', '7.17.0'])('%s is too old', async (version) => {
    const { install } = await openElasticsearchStack({ version });
    await expect(install()).rejects.toThrow(
      `Elasticsearch ${version} cannot ask a reranking service of yours`,
    );
  });

  it.each(['8.19.0', '9.1.0', '9.5.3', '10.0.0'])('%s is new enough', async (version) => {
    const { install } = await openElasticsearchStack({ version });
    expect((await install()).steps).toHaveLength(1);
  });
});

describe('removing', () => {
  it('deletes the endpoint, and warns of searches that name it', async () => {
    const { install, calls, elasticsearch } = await openElasticsearchStack();
    await install();
    const plan = planElasticsearchUninstall(await readElasticsearchState(calls, 'blockrank'), 'blockrank');
    expect(plan.warnings[0]).toContain('Searches that name "blockrank"');
    await runPlan(plan, { calls });
    expect((await readElasticsearchState(calls, 'blockrank')).endpoint).toBeUndefined();
    expect(elasticsearch.writes().at(-1)).toBe('DELETE /_inference/rerank/blockrank');
  });

  it('is refused while something refers to it, but with force', async () => {
    const { install, calls } = await openElasticsearchStack({ referenced: ['blockrank'] });
    await install();
    const state = await readElasticsearchState(calls, 'blockrank');
    const run = (isForced: boolean): Promise<unknown> =>
      runPlan(planElasticsearchUninstall(state, 'blockrank', { isForced }), {
        calls,
        advice: elasticsearchAdvice,
      });
    await expect(run(false)).rejects.toThrow('give --force');
    await run(true);
  });

  it.each([false, true])('does not touch an endpoint of another service (forced: %s)', async (isForced) => {
    const { calls } = await openElasticsearchStack({ foreign: { blockrank: 'cohere' } });
    const state = await readElasticsearchState(calls, 'blockrank');
    const plan = planElasticsearchUninstall(state, 'blockrank', { isForced });
    expect(plan.steps).toEqual([]);
    expect(plan.parts).toMatchObject([{ state: 'foreign' }]);
    expect(plan.blockers[0]!.message).toContain('of the service "cohere": it stays');
  });

  it('does nothing when nothing is there', async () => {
    const { calls } = await openElasticsearchStack();
    const plan = planElasticsearchUninstall(await readElasticsearchState(calls, 'blockrank'), 'blockrank');
    expect(plan.steps).toEqual([]);
  });
});

describe('the double of the inference API', () => {
  it.each([
    ['an unknown setting', { nonsense: 1 }, 'unknown to the [custom] service'],
    ['a template without a value', { request: '{"n":${top_n}}' }, 'Found placeholder [${top_n}]'],
    ['a request that is an object', { request: {} }, 'cannot be a [String]'],
    ['a header that is no text', { headers: { a: 1 } }, 'cannot be a [String]'],
  ])('refuses %s, as the original does', async (_name, changed, reason) => {
    const { calls, service } = await openElasticsearchStack();
    const { service: kind, settings } = endpointDefinition({ serviceUrl: service.url });
    const body = { service: kind, service_settings: { ...settings, ...changed } };
    const answer = await calls.request({ method: 'PUT', path: '/_inference/rerank/x', body });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(reason);
  });
});
