import { describe, expect, it } from 'vitest';
import type { OpenSearchInstallOptions } from '../../../adapters/opensearch/index.ts';
import type { InstallPlan } from '../../../adapters/server.ts';
import { openStack, type Stack, serviceUrl, statesOf } from '../../support/doubles/opensearch-stack.ts';

const doesOf = ({ steps }: InstallPlan): string[] => steps.map(({ does }) => does);
const refused = { status: 500, reason: 'Error communicating with remote model: Connection refused' };

/** The model that searches ask. */
function usedModel({ double }: Stack): string {
  return /"model_id":"([^"]+)"/.exec(JSON.stringify(double.pipelines.get('blockrank')))![1]!;
}

async function installed(options: Partial<OpenSearchInstallOptions> = {}): Promise<Stack> {
  const stack = await openStack();
  await stack.run(await stack.plan(options));
  return stack;
}

describe('installing again', () => {
  const changed = { serviceUrl: `${serviceUrl}/v2` };

  it('leaves the old installation as it was when the new model does not answer', async () => {
    const stack = await installed();
    const { double, plan, run } = stack;
    const old = usedModel(stack);
    double.answerBy(({ modelId, documents }) => (modelId === old ? documents.map(() => 0.5) : refused));
    const running = run(await plan(changed));
    await expect(running).rejects.toThrow(
      /^Cannot ask the model of "blockrank" before.*Connection refused.*correct --service.*Nothing was switched: searches go on as before/,
    );
    expect(usedModel(stack)).toBe(old);
    expect(double.models.get(old)).toMatchObject({ model_state: 'DEPLOYED' });
    // The new ones stay for the next run.
    expect([double.connectors.size, double.models.size]).toEqual([2, 2]);
  });

  it('takes up what a failed run left, once the service answers', async () => {
    const stack = await installed();
    const { double, plan, run } = stack;
    double.answerBy(() => refused);
    await expect(run(await plan(changed))).rejects.toThrow('Nothing was switched');
    double.answerBy(({ documents }) => documents.map(() => 0.5));
    const next = await plan(changed);
    expect(statesOf(next).slice(0, 3)).toEqual([
      'connector: unchanged',
      'model: unchanged',
      'pipeline: changed',
    ]);
    await run(next);
    expect([double.connectors.size, double.models.size]).toEqual([1, 1]);
    expect((await plan(changed)).steps).toEqual([]);
  });

  it('deletes what a failed run left when it is run with the options of before', async () => {
    const stack = await installed();
    const { double, plan, run } = stack;
    const old = usedModel(stack);
    double.answerBy(() => refused);
    await expect(run(await plan(changed))).rejects.toThrow('run it with the options of before');
    await run(await plan());
    expect([...double.models.keys()]).toEqual([old]);
    expect(double.connectors.size).toBe(1);
  });

  it.each([
    ['too few', [0.5]],
    ['too many', [0.5, 0.5, 0.5]],
  ])('does not turn to a model that gives %s scores', async (_name, scores) => {
    const stack = await installed();
    const old = usedModel(stack);
    stack.double.answerBy(() => scores);
    await expect(stack.run(await stack.plan(changed))).rejects.toThrow(
      `it gave ${scores.length} scores for 2 documents`,
    );
    expect(usedModel(stack)).toBe(old);
  });

  it('makes no index depend on a model that does not answer', async () => {
    const { double, plan, run } = await openStack();
    double.answerBy(() => refused);
    await expect(run(await plan({ defaultPipelineIndex: 'docs' }))).rejects.toThrow('Nothing was switched');
    expect(double.defaults.get('docs')).toBeUndefined();
  });

  it('asks nobody when only the pipeline changes: its model is in use, and may be down just now', async () => {
    const { double, plan, run } = await installed();
    double.answerBy(() => refused);
    const next = await plan({ ignoreFailure: false });
    expect(doesOf(next)).toEqual(['change search pipeline "blockrank"']);
    await run(next);
  });

  it('waits for searches in hand before it deletes what they may still ask', async () => {
    const { plan, run } = await installed({ readTimeoutSeconds: 90 });
    const seen: string[] = [];
    await run(await plan(changed), {
      onStep: ({ does }) => seen.push(does.replace(/"(model|connector)-.*"/, '$1')),
      sleep: async (ms) => seen.push(`${ms} ms pass`),
    });
    // The read timeout that the old connector has, however long, and a second for the first stage.
    expect(seen.slice(-4)).toEqual([
      'undeploy model model',
      '91000 ms pass',
      'delete model model',
      'delete connector connector',
    ]);
  });

  it('gives the model as long as its read timeout, and never less than the client would', async () => {
    const { plan } = await installed();
    const timeoutFor = async (readTimeoutSeconds: number): Promise<number | undefined> =>
      (await plan({ readTimeoutSeconds })).steps.find(({ faultOf }) => faultOf)!.timeoutMs;
    expect(await timeoutFor(60)).toBe(65_000);
    expect(await timeoutFor(2)).toBe(30_000);
  });
});

describe('a model that another pipeline asks', () => {
  const moved = { serviceKey: 'K2' };

  it('stays with its connector, and the warning names that pipeline', async () => {
    const stack = await installed();
    const { double, plan, run } = stack;
    const old = usedModel(stack);
    double.pipelines.set('theirs', {
      response_processors: [{ rerank: { ml_opensearch: { model_id: old } } }],
    });
    const next = await plan(moved);
    expect(next.warnings.join('\n')).toMatch(
      new RegExp(`Model ${old} stays.*search pipeline "theirs" asks it`),
    );
    await run(next);
    expect(double.models.get(old)).toMatchObject({ model_state: 'DEPLOYED' });
    expect(double.connectors.size).toBe(2);
    expect(usedModel(stack)).not.toBe(old);
    expect((await plan(moved)).steps).toEqual([]);
  });

  it('goes once no pipeline asks it', async () => {
    const stack = await installed();
    const { double, plan, run } = stack;
    double.pipelines.set('theirs', { uses: usedModel(stack) });
    await run(await plan(moved));
    double.pipelines.delete('theirs');
    await run(await plan(moved));
    expect([double.models.size, double.connectors.size]).toEqual([1, 1]);
  });
});

describe('what somebody added by hand', () => {
  it.each<[string, object, string]>([
    ['a header', { headers: { 'x-proxy': 'a' } }, 'actions[0].headers.x-proxy: "a" -> nothing'],
    [
      'another path',
      { url: `${serviceUrl}/else` },
      `actions[0].url: "${serviceUrl}/else" -> "${serviceUrl}/v1/rerank"`,
    ],
  ])('to the action is found: %s', async (_name, added, difference) => {
    const { double, plan } = await installed();
    const [[id, source]] = [...double.connectors] as [[string, Record<string, unknown>]];
    const [action] = source['actions'] as [object];
    double.connectors.set(id, { ...source, actions: [{ ...action, ...added }] });
    expect((await plan()).parts[0]).toMatchObject({ state: 'changed', differences: [difference] });
  });

  it('to the parameters is found', async () => {
    const { double, plan } = await installed();
    const [[id, source]] = [...double.connectors] as [[string, Record<string, unknown>]];
    double.connectors.set(id, { ...source, parameters: { secret: 's' } });
    expect((await plan()).parts[0]!.differences).toEqual(['parameters.secret: "s" -> nothing']);
  });

  it('does not count where the server adds it of its own', async () => {
    const { double, plan } = await installed();
    const [[id, source]] = [...double.connectors] as [[string, Record<string, unknown>]];
    double.connectors.set(id, { ...source, owner: 'admin', last_updated_time: 2 });
    expect((await plan()).steps).toEqual([]);
  });

  it('shows a model name that is wanted no more', async () => {
    const { plan } = await installed({ model: 'm' });
    expect((await plan()).parts[0]!.differences).toContain('parameters.model: "m" -> nothing');
  });
});

describe('the first calls of a cluster', () => {
  it('may take longer than the client waits: ML Commons makes its key and its indices meanwhile', async () => {
    const { plan } = await openStack();
    const times = (await plan()).steps.map(({ timeoutMs }) => timeoutMs);
    expect(times).toEqual([120_000, 120_000, undefined]);
  });
});

describe('the connector', () => {
  it('asks once, and waits no longer for a connection than for the answer', async () => {
    const { plan } = await openStack();
    const waits = async (readTimeoutSeconds: number): Promise<unknown> => {
      const { body } = (await plan({ readTimeoutSeconds })).steps[0]!.request;
      return (body as { client_config: unknown }).client_config;
    };
    // A second try would double the wait, which nothing else bounds.
    const common = { max_connection: 30, max_retry_times: 0 };
    expect(await waits(10)).toEqual({ ...common, connection_timeout: 5, read_timeout: 10 });
    expect(await waits(2)).toEqual({ ...common, connection_timeout: 2, read_timeout: 2 });
  });
});

describe('a model group', () => {
  it('of the operator is where the model is put, and another one moves it', async () => {
    const { double, plan, run } = await installed({ modelGroupId: 'group-a' });
    expect([...double.models.values()].map((source) => source['model_group_id'])).toEqual(['group-a']);
    expect((await plan({ modelGroupId: 'group-a' })).steps).toEqual([]);
    // Without an option the model may stay where it is.
    expect((await plan()).steps).toEqual([]);
    const next = await plan({ modelGroupId: 'group-b' });
    expect(statesOf(next).slice(0, 2)).toEqual(['connector: unchanged', 'model: changed']);
    await run(next);
    expect([...double.models.values()].map((source) => source['model_group_id'])).toEqual(['group-b']);
  });
});
