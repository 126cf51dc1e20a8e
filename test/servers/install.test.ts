import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  openSearchStatus,
  probeReranking,
  readOpenSearchState,
  readPipelineCounts,
} from '../../adapters/opensearch/index.ts';
import { openReranker, type Reranker } from '../../engine/index.ts';
import { installCommand } from '../../plugin/cli/install/install-command.ts';
import { statusCommand } from '../../plugin/cli/install/status-command.ts';
import { uninstallCommand } from '../../plugin/cli/install/uninstall-command.ts';
import { type RerankService, rerankService } from '../../plugin/service/index.ts';
import {
  type Behaviour,
  type RerankServiceDouble,
  startRerankServiceDouble,
} from '../support/doubles/rerank-service-double.ts';
import { type CliResult, runCli } from '../support/programs/run-cli.ts';
import { runCommand } from '../support/programs/run-command.ts';
import { describeServers } from '../support/servers/describe-servers.ts';
import {
  type Answered,
  type Cluster,
  ext,
  idsOf,
  indexAnimals,
  openCluster,
} from '../support/servers/opensearch-installation.ts';
import { type RunningServer, type ServerChoice, startServer } from '../support/servers/start.ts';

/** What the first stage alone answers, and what the service makes of it: the other way round. */
const firstOrder = ['3', '1', '2', '4'];
const rerankedOrder = ['4', '2', '1', '3'];
const byWords = { query: { match: { body: 'animals' } } };
const trusted = 'plugins.ml_commons.trusted_connector_endpoints_regex';
const privateAllowed = 'plugins.ml_commons.connector.private_ip_enabled';
const withoutExt = /RerankSearchExtBuilder/;

describeServers('%s, installing', (choice) => {
  if (choice.product === 'opensearch') describeOpenSearch(choice);
  else describeElasticsearch(choice);
});

function describeOpenSearch(choice: ServerChoice): void {
  const isVersion2 = choice.version.startsWith('2.');
  let server: RunningServer;
  let cluster: Cluster;
  let service: RerankServiceDouble;

  beforeAll(async () => {
    server = await startServer(choice, { ml: true });
    cluster = openCluster(server.url);
    service = await startRerankServiceDouble();
    await indexAnimals(cluster);
  });
  afterAll(async () => {
    await cluster?.close();
    await service?.close();
    await server?.close();
  });
  beforeEach(() => {
    service.behave({ kind: 'well' });
    service.forget();
  });

  const search = (pipeline: string, more: object = {}, parameters = ''): Promise<Answered> =>
    cluster.ask('POST', `/animals/_search?search_pipeline=${pipeline}${parameters}`, {
      ...byWords,
      ...ext('which bark'),
      ...more,
    });
  const commands = { install: installCommand, status: statusCommand, uninstall: uninstallCommand };
  const cli = (command: keyof typeof commands, ...args: string[]): Promise<CliResult> =>
    runCommand(commands[command], ['opensearch', '--opensearch', server.url, ...args]);

  describe('blockrank install', () => {
    const options = (): string[] => ['--service', service.url, '--field', 'body', '--index', 'animals'];

    it('prints the exact requests, secrets masked, and sends none, with --dry-run', async () => {
      const { code, stdout } = await cli('install', ...options(), '--service-key', 'K-secret', '--dry-run');
      expect(code).toBe(0);
      expect(stdout).toContain('POST /_plugins/_ml/connectors/_create');
      expect(stdout).toContain('PUT /_search/pipeline/blockrank');
      expect(stdout).toContain('"key": "***"');
      expect(stdout).not.toContain('K-secret');
      const { connectors, pipelines } = await readOpenSearchState(cluster.calls, 'blockrank');
      expect({ connectors, pipelines }).toEqual({ connectors: [], pipelines: {} });
      expect(service.asked).toEqual([]);
    });

    it('makes hits come back in the order of the service', async () => {
      const { code, stdout, stderr } = await runCli([
        'install',
        'opensearch',
        '--opensearch',
        server.url,
        ...options(),
        '--service-key',
        'K-secret',
        '--query',
        'animals',
      ]);
      expect(stderr).not.toMatch(/Cannot|no answer/);
      expect(stdout).toMatch(/without the pipeline: 3 \(.*\), 1 \(.*\), 2 \(.*\), 4 /);
      expect(stdout).toMatch(/with the pipeline: {4}4 \(0\.8\), 2 \(0\.6\), 1 \(0\.4\), 3 \(0\.2\)/);
      expect(code).toBe(0);
      service.forget();
      expect(idsOf(await cluster.ask('POST', '/animals/_search', byWords))).toEqual(firstOrder);
      const answer = await search('blockrank');
      expect(idsOf(answer)).toEqual(rerankedOrder);
      expect(answer.body.hits.max_score).toBeCloseTo(0.8);
      const [asked] = service.asked;
      expect(asked).toMatchObject({
        path: '/v1/rerank',
        authorization: 'Bearer K-secret',
        query: 'which bark',
      });
      expect(asked!.documents[0]).toBe('Birds are flying animals animals');
    });

    it('sends nothing in a second run', async () => {
      const { code, stdout, stderr } = await cli('install', ...options(), '--service-key', 'K-secret');
      expect(stdout).toContain('Nothing had to change.');
      expect(stderr).not.toMatch(/create|register|change/);
      expect(code).toBe(0);
    });

    it('widens a page to the window, and cuts it again', async () => {
      const answer = await search('blockrank', { size: 1 });
      expect(idsOf(answer)).toEqual(['4']);
      expect(service.asked[0]!.documents).toHaveLength(4);
    });

    it('finds what somebody changed by hand, and puts it right', async () => {
      const { body } = await cluster.ask('GET', '/_search/pipeline/blockrank');
      const changed = JSON.parse(JSON.stringify(body.blockrank).replace('["body"]', '["title"]'));
      await cluster.ask('PUT', '/_search/pipeline/blockrank', changed);
      const status = await cli('status');
      expect(status.stdout).toMatch(/pipeline +changed: "blockrank" reads title/);
      const { stdout } = await cli('install', ...options(), '--service-key', 'K-secret');
      expect(stdout).toContain('document_fields: ["title"] -> ["body"]');
      expect((await cli('status')).stdout).toMatch(/pipeline +present/);
    });

    it('leaves nothing after uninstall', async () => {
      const { code, stdout } = await cli('uninstall');
      expect(stdout).toContain('Nothing of "blockrank" is left.');
      expect(code).toBe(0);
      const { connectors, models, groups, pipelines } = await readOpenSearchState(cluster.calls, 'blockrank');
      expect({ connectors, models, groups, pipelines }).toEqual({
        connectors: [],
        models: [],
        groups: [],
        pipelines: {},
      });
      expect((await cli('uninstall')).stdout).toContain('Nothing of "blockrank" is there.');
    });
  });

  describe('changing an installation', () => {
    it('switches key, address and fields while no search fails', async () => {
      await cluster.install({
        serviceUrl: service.url,
        name: 'moving',
        ignoreFailure: false,
        readTimeoutSeconds: 2,
      });
      const other = await startRerankServiceDouble({ key: 'K2' });
      let isDone = false;
      const statuses = new Set<number>();
      const traffic = Promise.all(
        Array.from({ length: 4 }, async () => {
          while (!isDone) statuses.add((await search('moving')).status);
        }),
      );
      const options = {
        name: 'moving',
        ignoreFailure: false,
        fields: ['title', 'body'],
        serviceUrl: other.url,
      };
      const plan = await cluster.install({ ...options, serviceKey: 'K2' }).finally(() => {
        isDone = true;
      });
      await traffic;
      expect(plan.parts.map(({ part, state }) => `${part} ${state}`)).toEqual([
        'connector changed',
        'model changed',
        'pipeline changed',
        'model surplus',
        'connector surplus',
      ]);
      other.forget();
      expect(idsOf(await search('moving'))).toEqual(rerankedOrder);
      expect(other.asked[0]!.documents[0]).toBe('BirdsBirds are flying animals animals');
      expect([...statuses]).toEqual([200]);
      const again = await cluster.plan({ ...options, serviceKey: 'K2' });
      const { connectors, models } = await readOpenSearchState(cluster.calls, 'moving');
      // The server may mistake the new model for a user of the old connector, by their ids.
      const stuck = connectors.length - 1;
      expect(again.steps).toHaveLength(stuck);
      if (stuck > 0) expect(connectors[0]!.id).toContain('-');
      expect(models).toHaveLength(1);
      await other.close();
      await cluster.uninstall('moving');
    });

    it('goes on where an interrupted run stopped', async () => {
      const plan = await cluster.plan({ serviceUrl: service.url, name: 'half' });
      const { path, body } = plan.steps[0]!.request;
      await cluster.ask('POST', path, body!);
      const rest = await cluster.install({ serviceUrl: service.url, name: 'half' });
      expect(rest.steps.map(({ does }) => does)).toEqual([
        'register and deploy model "half"',
        'create search pipeline "half"',
      ]);
      expect(idsOf(await search('half'))).toEqual(rerankedOrder);
      await cluster.uninstall('half');
    });

    it('stops before the switch when the new service does not answer, and searches go on', async () => {
      const options = ['--field', 'body', '--name', 'careful', '--fail', '--read-timeout', '2'];
      expect((await cli('install', '--service', service.url, ...options)).code).toBe(0);
      const other = await startRerankServiceDouble();
      await other.stop();
      const failed = await cli('install', '--service', other.url, ...options);
      expect(failed.code).toBe(1);
      expect(failed.stderr).toMatch(
        /no service listens there.*Nothing was switched: searches go on as before/,
      );
      expect(idsOf(await search('careful'))).toEqual(rerankedOrder);
      expect((await readOpenSearchState(cluster.calls, 'careful')).models).toHaveLength(2);
      // Once the service is there, the next run takes up what was made.
      await other.start();
      const { code, stderr } = await cli('install', '--service', other.url, ...options);
      expect(stderr).not.toContain('create connector');
      expect(code).toBe(0);
      other.forget();
      expect(idsOf(await search('careful'))).toEqual(rerankedOrder);
      expect(other.asked).toHaveLength(1);
      expect((await readOpenSearchState(cluster.calls, 'careful')).models).toHaveLength(1);
      await other.close();
      await cluster.uninstall('careful');
    });

    it('keeps a model that another pipeline asks, and warns', async () => {
      await cluster.install({ serviceUrl: service.url, name: 'shared', readTimeoutSeconds: 1 });
      const before = await readOpenSearchState(cluster.calls, 'shared');
      const { modelId } = openSearchStatus(before, 'shared');
      const { description: _, ...copy } = before.pipelines['shared']!;
      await cluster.ask('PUT', '/_search/pipeline/of-an-operator', copy);
      const plan = await cluster.install({ serviceUrl: service.url, name: 'shared', serviceKey: 'K' });
      expect(plan.warnings.join()).toContain('for the search pipeline "of-an-operator" asks it');
      expect(idsOf(await search('of-an-operator'))).toEqual(rerankedOrder);
      const { models, connectors } = await readOpenSearchState(cluster.calls, 'shared');
      expect(models.map(({ id }) => id)).toContain(modelId);
      expect([models.length, connectors.length]).toEqual([2, 2]);
      await cluster.ask('DELETE', '/_search/pipeline/of-an-operator');
      await cluster.uninstall('shared');
    });

    it('fails when what was switched does not rerank a whole window', async () => {
      const lines = Array.from(
        { length: 120 },
        (_, i) => `{"index":{"_id":"${i}"}}\n{"body":"animals ${i}"}\n`,
      );
      await cluster.ask('POST', '/window/_bulk?refresh=true', lines.join(''));
      const options = ['--service', service.url, '--field', 'body', '--name', 'wide', '--index', 'window'];
      service.behave({ kind: 'few', most: 50, status: 500, text: 'too many' });
      const { code, stdout, stderr } = await cli('install', ...options);
      expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
      expect(stderr).toContain('Everything was made and stays, but searches are not reranked');
      expect(code).toBe(1);
      expect((await cli('status', '--name', 'wide', '--index', 'window')).code).toBe(1);
      service.behave({ kind: 'well' });
      expect((await cli('install', ...options)).code).toBe(0);
      expect(service.asked.at(-1)!.documents).toHaveLength(100);
      await cluster.uninstall('wide');
    });

    it('refuses to overwrite a pipeline of somebody else', async () => {
      await cluster.ask('PUT', '/_search/pipeline/theirs', { response_processors: [{ truncate_hits: {} }] });
      const { code, stderr } = await cli(
        'install',
        '--service',
        service.url,
        '--field',
        'body',
        '--name',
        'theirs',
      );
      expect(code).toBe(2);
      expect(stderr).toContain('somebody else made a search pipeline of this name');
      await cluster.ask('DELETE', '/_search/pipeline/theirs');
    });
  });

  describe('cluster settings', () => {
    const foreign = '^https://example\\.org/.*$';
    const set = (values: object): Promise<Answered> =>
      cluster.ask('PUT', '/_cluster/settings', { persistent: values });
    const listed = async (): Promise<unknown> =>
      (await cluster.ask('GET', '/_cluster/settings?flat_settings=true')).body.persistent[trusted];
    beforeEach(() => set({ [trusted]: [foreign], [privateAllowed]: false }));
    afterAll(() => set({ [trusted]: null, [privateAllowed]: null }));

    it('are named with what to set them to, when they keep the cluster from the service', async () => {
      const { code, stderr } = await cli(
        'install',
        '--service',
        service.url,
        '--field',
        'body',
        '--name',
        'kept-out',
      );
      expect(code).toBe(2);
      expect(stderr).toContain(`${trusted}: no regular expression of it matches`);
      expect(stderr).toContain(JSON.stringify(foreign));
      expect(stderr).toContain(`${privateAllowed}: "127.0.0.1" is a private address`);
      expect(await listed()).toEqual([foreign]);
    });

    it('keep the entries of others when they are set, and lose exactly ours again', async () => {
      const set = ['--service', service.url, '--field', 'body', '--name', 'set', '--set-cluster-settings'];
      const { code } = await cli('install', ...set);
      expect(code).toBe(0);
      const ours = `^${service.url.replaceAll('.', '\\.')}/.*$`;
      expect(await listed()).toEqual([foreign, ours]);
      expect(idsOf(await search('set'))).toEqual(rerankedOrder);
      const left = await cli('uninstall', '--name', 'set', '--dry-run');
      expect(left.stderr).toContain(`keeps the entry ${ours}`);
      const removed = await cli('uninstall', '--name', 'set', '--set-cluster-settings');
      expect(removed.stdout).toContain(`loses ${JSON.stringify(ours)}`);
      expect(await listed()).toEqual([foreign]);
    });

    it('keep our entry while another installation calls the same service', async () => {
      const options = ['--service', service.url, '--field', 'body', '--set-cluster-settings'];
      await cli('install', ...options, '--name', 'first');
      await cli('install', ...options, '--name', 'second');
      const { stderr } = await cli('uninstall', '--name', 'first', '--set-cluster-settings');
      expect(stderr).toMatch(/keeps the entry.*\("second"\) calls the same service/);
      expect(await listed()).toHaveLength(2);
      await cli('uninstall', '--name', 'second', '--set-cluster-settings');
      expect(await listed()).toEqual([foreign]);
    });

    it('are read for trust only when a connector is made: a model without it goes on, also deployed again', async () => {
      const options = ['--service', service.url, '--field', 'body', '--name', 'untrusted'];
      await cli('install', ...options, '--set-cluster-settings');
      await set({ [trusted]: [foreign] });
      const { models } = await readOpenSearchState(cluster.calls, 'untrusted');
      await cluster.ask('POST', `/_plugins/_ml/models/${models[0]!.id}/_undeploy`);
      const { code, stderr } = await cli('install', ...options, '--field', 'title');
      expect(stderr).toMatch(/deploy model.*change search pipeline/s);
      expect(code).toBe(0);
      expect(idsOf(await search('untrusted'))).toEqual(rerankedOrder);
      await cluster.uninstall('untrusted');
    });

    it('refuse an address that is written otherwise: localhost is not 127.0.0.1', async () => {
      await set({ [trusted]: ['^http://127\\.0\\.0\\.1:[0-9]+/.*$'] });
      const plan = await cluster.plan({ serviceUrl: service.url.replace('127.0.0.1', 'localhost') });
      expect(plan.blockers.map(({ path }) => path)).toContain(trusted);
      const { path, body } = plan.steps[0]!.request;
      const answer = await cluster.ask('POST', path, body!);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toContain('not matching the trusted connector endpoint regex');
    });

    it('refuse private addresses only when a model is asked: it deploys all the same', async () => {
      await set({ [trusted]: null });
      const settings = { serviceUrl: service.url, name: 'private' };
      const plan = await cluster.plan(settings);
      expect(plan.blockers.map(({ path }) => path)).toEqual([privateAllowed]);
      const { connector_id } = (
        await cluster.ask('POST', plan.steps[0]!.request.path, plan.steps[0]!.request.body)
      ).body;
      const body = { name: 'private', function_name: 'remote', description: 'd', connector_id };
      const { model_id } = (await cluster.ask('POST', '/_plugins/_ml/models/_register?deploy=true', body))
        .body;
      const predict = (): Promise<Answered> =>
        cluster.ask('POST', `/_plugins/_ml/_predict/text_similarity/${model_id}`, {
          query_text: 'q',
          text_docs: ['a'],
        });
      const refused = await predict();
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('private ip address');
      // Newer versions read the setting when a model is deployed, older ones whenever it is asked.
      await set({ [privateAllowed]: true });
      expect((await predict()).status).toBe(isVersion2 ? 200 : 400);
      await cluster.ask('POST', `/_plugins/_ml/models/${model_id}/_undeploy`);
      await cluster.ask('DELETE', `/_plugins/_ml/models/${model_id}`);
      await cluster.uninstall('private');
    });
  });

  describe('a reranker that misbehaves', () => {
    beforeAll(async () => {
      const options = { serviceUrl: service.url, readTimeoutSeconds: 1 };
      await cluster.install({ ...options, name: 'kept', ignoreFailure: true });
      await cluster.install({ ...options, name: 'strict', ignoreFailure: false });
      await cluster.install({ ...options, name: 'lenient', ignoreFailure: false, reader: 'lenient' });
    });
    afterAll(async () => {
      for (const name of ['kept', 'strict', 'lenient']) await cluster.uninstall(name);
    });

    const message = '{"message":"boom from the service"}';
    const cases: readonly (readonly [string, Behaviour, number, RegExp])[] = [
      ['answers 500', { kind: 'status', status: 500, text: message }, 500, /boom from the service/],
      ['answers 429', { kind: 'status', status: 429, text: message }, 429, /boom from the service/],
      ['answers 400', { kind: 'status', status: 400, text: message }, 400, /boom from the service/],
      ['answers 502 in HTML', { kind: 'status', status: 502, text: '<html>' }, 502, /<html>/],
      ['answers garbage', { kind: 'status', status: 200, text: 'hello' }, 500, /property \['results'\]/],
      [
        'answers nothing',
        { kind: 'status', status: 200, text: '' },
        isVersion2 ? 400 : 502,
        /empty response body|No response from model/,
      ],
      ['hangs up', { kind: 'hangs-up' }, 500, /connection was closed/],
      ['is slower than the read timeout', { kind: 'slow', ms: 20_000 }, 500, /Read timed out/i],
      ['writes a whole number', { kind: 'literal', literal: '1' }, 500, /Integer cannot be cast/],
      ['writes a large whole number', { kind: 'literal', literal: '3000000000' }, 500, /Long cannot be cast/],
      ...['0.12345678901234567', '-0.1234567890123456', '1.234567890123456e-7'].map(
        (literal) =>
          [
            `writes the long literal ${literal}`,
            { kind: 'literal', literal },
            500,
            /BigDecimal cannot be cast/,
          ] as const,
      ),
      ['writes a score as text', { kind: 'literal', literal: '"0.5"' }, 500, /String cannot be cast/],
      ['writes NaN', { kind: 'literal', literal: 'NaN' }, 500, /Float cannot be cast/],
      ['writes null', { kind: 'literal', literal: 'null' }, 500, /null_pointer/],
      ['answers for fewer documents', { kind: 'drops', count: 1 }, 500, /out of bounds/],
      ['answers for none', { kind: 'drops', count: 9 }, 500, /null_pointer/],
      ['answers for more documents', { kind: 'drops', count: -1 }, 500, /not the same length/],
      ['gives one index twice', { kind: 'repeats' }, 500, /null_pointer/],
    ];

    it.each(cases)(
      '%s: the first order is kept, or the error names the cause',
      async (_name, behaviour, status, cause) => {
        service.behave(behaviour);
        const kept = await search('kept');
        expect(kept.status).toBe(200);
        expect(idsOf(kept)).toEqual(firstOrder);
        const strict = await search('strict');
        expect(strict.status).toBe(status);
        expect(JSON.stringify(strict.body.error).replaceAll('\\"', '"')).toMatch(cause);
        const verbose = await search('kept', {}, '&verbose_pipeline=true');
        const processor = verbose.body.processor_results.find(
          (one: { processor_name: string }) => one.processor_name === 'rerank',
        );
        expect(processor).toMatchObject({ status: 'fail', error: expect.any(String) });
      },
    );

    it('is stopped: the first order is kept, or the error names the cause', async () => {
      await service.stop();
      expect(idsOf(await search('kept'))).toEqual(firstOrder);
      const strict = await search('strict');
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/Connection refused/);
      await service.start();
      expect(idsOf(await search('kept'))).toEqual(rerankedOrder);
    });

    it('is slow: the search is held up for the read timeout, which "took" leaves out', async () => {
      service.behave({ kind: 'slow', ms: 20_000 });
      const started = performance.now();
      const { body } = await search('kept', { timeout: '100ms' });
      const elapsedMs = performance.now() - started;
      expect(elapsedMs).toBeGreaterThan(900);
      expect(elapsedMs).toBeLessThan(15_000); // the service takes 20 s
      expect(body.timed_out).toBe(false);
      expect(body.took).toBeLessThan(elapsedMs - 500);
      // One try: retries would double the wait.
      expect(service.asked).toHaveLength(1);
    });

    it('is slow: cancel_after_time_interval does not bound the wait, the read timeout does', async () => {
      service.behave({ kind: 'slow', ms: 20_000 });
      const strict = await search('strict', {}, '&cancel_after_time_interval=100ms');
      // The read timeout's words, not those of a cancelled task.
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/Read timed out/i);
      const kept = await search('kept', {}, '&cancel_after_time_interval=100ms');
      expect([kept.status, idsOf(kept)]).toEqual([200, firstOrder]);
    });

    it.each(['1.0', '0.0', '-0.0', '1e5', '1e-7', '1E-7', '12.345678901234567', '0.1234567890123456'])(
      'may write %s',
      async (literal) => {
        service.behave({ kind: 'literal', literal });
        const { status, body } = await search('strict');
        expect(status).toBe(200);
        const hit = body.hits.hits.find(({ _id }: { _id: string }) => _id === '4');
        expect(hit._score).toBeCloseTo(Number(literal), 5);
      },
    );

    it('may add fields to its results', async () => {
      service.behave({ kind: 'extra' });
      expect(idsOf(await search('strict'))).toEqual(rerankedOrder);
    });

    it('may write 1e400, which becomes an infinite score', async () => {
      service.behave({ kind: 'literal', literal: '1e400' });
      const response = await fetch(`${server.url}/animals/_search?search_pipeline=strict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...byWords, ...ext('q') }),
      });
      expect(response.status).toBe(200);
      expect(await response.text()).toContain('Infinity');
    });

    it.each<[string, Behaviour]>([
      ['whole numbers', { kind: 'literal', literal: '1' }],
      ['long literals', { kind: 'literal', literal: '0.98765432109876543' }],
      ['missing last results', { kind: 'drops', count: 1 }],
    ])('is read all the same by the lenient reader: %s', async (_name, behaviour) => {
      service.behave(behaviour);
      expect(idsOf(await search('lenient'))).toEqual(rerankedOrder);
    });

    describe('blockrank status', () => {
      const status = (...args: string[]): Promise<CliResult> =>
        cli('status', '--name', 'kept', '--index', 'animals', '--service', service.url, ...args);

      it('ends with 0 when searches are reranked', async () => {
        const { code, stdout } = await status();
        expect(stdout).toContain('searches are reranked');
        expect(stdout).toContain("the pipeline's processor ran 1 times and failed 0 times");
        expect(stdout).toContain('the service answered 1 requests');
        expect(stdout).toContain('verbose_pipeline says "success"');
        expect(stdout).toMatch(/service +ready/);
        expect(code).toBe(0);
      });

      it('ends with 1 and the cause when a failure is passed over', async () => {
        service.behave({ kind: 'status', status: 500, text: message });
        const { code, stdout, stderr } = await status();
        expect(stdout).toContain('SEARCHES ARE NOT RERANKED');
        expect(stdout).toContain("the pipeline's processor ran 1 times and failed 1 times");
        expect(stdout).toContain('verbose_pipeline says "fail"');
        expect(stderr).toContain('boom from the service');
        expect(code).toBe(1);
      });

      it('tells a whole number in an answer, and what to do', async () => {
        service.behave({ kind: 'literal', literal: '1' });
        const { code, stderr } = await status();
        expect(stderr).toContain('give --reader lenient');
        expect(code).toBe(1);
      });

      it('asks the model alone without an index, and says so', async () => {
        const well = await cli('status', '--name', 'kept');
        expect(well.stdout).toContain('the model answers; give --index to probe a search');
        expect(well.code).toBe(0);
        await service.stop();
        const stopped = await cli('status', '--name', 'kept', '--json');
        await service.start();
        expect(stopped.code).toBe(1);
        expect(JSON.parse(stopped.stdout).probe).toMatchObject({ outcome: 'model-failed' });
        expect(stopped.stderr).toContain('no service listens there');
      });

      it('ends with 1 when nothing is installed', async () => {
        const { code, stderr } = await cli('status', '--name', 'nothing');
        expect(stderr).toContain('connector absent');
        expect(code).toBe(1);
      });

      it('tells by the counts alone where a version has no verbose_pipeline', async () => {
        const { pipelines } = await readOpenSearchState(cluster.calls, 'kept');
        const modelId = /"model_id":"([^"]+)"/.exec(JSON.stringify(pipelines['kept']))![1]!;
        const options = { pipeline: 'kept', modelId, version: '2.12.0', index: 'animals', query: 'q' };
        expect(await probeReranking(cluster.calls, options)).toMatchObject({ outcome: 'reranked' });
        service.behave({ kind: 'hangs-up' });
        expect(await probeReranking(cluster.calls, options)).toMatchObject({ outcome: 'swallowed' });
      });
    });

    describe('signs on a single answer', () => {
      const sample = async (): Promise<Answered> => search('kept');

      it('are none in the key "profile", which truncate_hits leaves after a failure too', async () => {
        const reranked = await search('kept', { size: 2 });
        service.behave({ kind: 'hangs-up' });
        const failed = await search('kept', { size: 2 });
        expect(reranked.body.profile).toEqual({ shards: [] });
        expect(failed.body.profile).toEqual({ shards: [] });
        expect((await search('kept')).body.profile).toBeUndefined();
      });

      it('are none in scores between 0 and 1, where the first stage scores too', async () => {
        service.behave({ kind: 'hangs-up' });
        const { body } = await sample();
        expect(body.hits.max_score).toBeGreaterThan(0);
        expect(body.hits.max_score).toBeLessThan(1);
      });

      it('are in verbose_pipeline, which keeps even a strict pipeline from failing', async () => {
        service.behave({ kind: 'hangs-up' });
        const answer = await search('strict', {}, '&verbose_pipeline=true');
        expect(answer.status).toBe(200);
        const statuses = answer.body.processor_results.map((one: { status: string }) => one.status);
        expect(statuses).toContain('fail');
      });
    });
  });

  describe('traps of the rerank processor', () => {
    beforeAll(async () => {
      await cluster.install({ serviceUrl: service.url, name: 'kept' });
      await cluster.install({ serviceUrl: service.url, name: 'strict', ignoreFailure: false });
    });
    afterAll(async () => {
      for (const name of ['kept', 'strict']) await cluster.uninstall(name);
    });
    const bare = (pipeline: string, body: object = byWords): Promise<Answered> =>
      cluster.ask('POST', `/animals/_search?search_pipeline=${pipeline}`, body);
    const documents = (): readonly string[] => service.asked.at(-1)!.documents;

    it('answers 500 without ext.rerank, or passes it over and counts a failure', async () => {
      const strict = await bare('strict');
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(withoutExt);
      const before = await readPipelineCounts(cluster.calls, 'kept');
      expect(idsOf(await bare('kept'))).toEqual(firstOrder);
      const { count, failed } = await readPipelineCounts(cluster.calls, 'kept');
      expect([count - before.count, failed - before.failed]).toEqual([1, 1]);
    });

    it('answers 500 with track_total_hits: false, or passes it over', async () => {
      const strict = await search('strict', { track_total_hits: false });
      expect(strict.status).toBe(500);
      expect(JSON.stringify(strict.body)).toMatch(/null_pointer_exception/);
      expect(idsOf(await search('kept', { track_total_hits: false }))).toEqual(firstOrder);
    });

    it('answers 400 with size: 0, or passes it over', async () => {
      const strict = await search('strict', { size: 0 });
      expect(strict.status).toBe(400);
      expect(JSON.stringify(strict.body)).toContain('No text documents were provided');
      expect((await search('kept', { size: 0 })).status).toBe(200);
    });

    it('asks nothing when there are no hits', async () => {
      const answer = await search('strict', { query: { match: { body: 'nosuchword' } } });
      expect(answer.status).toBe(200);
      expect(service.asked).toEqual([]);
    });

    it('gives the model empty text when _source leaves the field out, and the text with "fields"', async () => {
      for (const filter of [false, ['title'], { excludes: ['body'] }]) {
        await search('strict', { _source: filter });
        expect(documents()).toEqual(['', '', '', '']);
      }
      await search('strict', { _source: false, fields: ['body'] });
      expect(documents()[0]).toBe('Birds are flying animals animals');
    });

    it('cuts from and size first, so that pages overlap', async () => {
      const first = idsOf(await search('strict', { size: 2 }));
      const second = idsOf(await search('strict', { size: 2, from: 2 }));
      expect(first).toEqual(['4', '2']);
      // The second page starts from the first stage's third hit, whatever the first page showed.
      expect(second).toEqual(['4', '2']);
    });

    it('repeats hits when search_after goes on from the last hit of a reranked page', async () => {
      const sort = { sort: [{ n: 'asc' }], size: 2 };
      const first = await search('strict', sort);
      const last = first.body.hits.hits.at(-1).sort;
      const second = await search('strict', { ...sort, search_after: last });
      const ids = [...idsOf(first), ...idsOf(second)];
      expect(new Set(ids).size).toBeLessThan(ids.length);
    });

    it('repeats hits, and leaves others out, when search_after goes on in a point in time', async () => {
      const path = '/animals/_search/point_in_time?keep_alive=1m';
      const { pit_id: id } = (await cluster.ask('POST', path)).body;
      const page = (more: object = {}): Promise<Answered> =>
        cluster.ask('POST', '/_search?search_pipeline=strict', {
          ...byWords,
          ...ext('q'),
          size: 2,
          sort: [{ n: 'asc' }],
          pit: { id },
          ...more,
        });
      const first = await page();
      const second = await page({ search_after: first.body.hits.hits.at(-1).sort });
      // The window is the whole list, of which page 1 shows the best two; page 2 goes on behind hit 3 in the order of n.
      expect([idsOf(first), idsOf(second)]).toEqual([['4', '3'], ['4']]);
      await cluster.ask('DELETE', '/_search/point_in_time', { pit_id: [id] });
    });

    it('reranks the first page of a scroll alone', async () => {
      const first = await search('strict', { size: 2 }, '&scroll=1m');
      expect(first.body.hits.max_score).toBeCloseTo(0.8);
      service.forget();
      await cluster.ask('POST', '/_search/scroll', { scroll: '1m', scroll_id: first.body._scroll_id });
      expect(service.asked).toEqual([]);
    });

    it('joins fields without a separator, lists in brackets, numbers as text', async () => {
      const plan = await cluster.install({
        serviceUrl: service.url,
        name: 'kept',
        fields: ['title', 'body', 'list', 'n', 'none'],
      });
      expect(plan.warnings.join()).toContain('without a separator');
      expect(plan.warnings.join()).toContain('has no field none');
      await search('kept');
      expect(documents()[0]).toBe('BirdsBirds are flying animals animals[x, y2]2');
    });

    it(`${isVersion2 ? 'ignores' : 'reads'} fields inside objects`, async () => {
      const plan = await cluster.install({ serviceUrl: service.url, name: 'kept', fields: ['sub.f'] });
      expect(plan.warnings.some((warning) => warning.includes('ignores fields inside objects'))).toBe(
        isVersion2,
      );
      await search('kept');
      expect(documents()[0]).toBe(isVersion2 ? '' : 'part 2');
    });

    it('refuses a query that is a JSON object, and sends every other text as it is', async () => {
      const refused = await search('strict', ext('{"a":1}'));
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('Invalid payload');
      const texts = ['"exact phrase"', '123', '[1,2]', 'true', 'a \\ b\nc', 'x'.repeat(1001), ''];
      for (const text of texts) {
        expect((await search('strict', ext(text))).status).toBe(200);
        expect(service.asked.at(-1)!.query).toBe(text);
      }
    });

    it("substitutes the connector's own parameters inside the words of users", async () => {
      await search('strict', ext('about ${parameters.top_n}'));
      expect(service.asked.at(-1)!.query).toBe('about 4');
    });

    it('substitutes them inside documents too, also the words of the user', async () => {
      const text = 'animals ${parameters.query} and ${parameters.top_n}';
      await cluster.ask('PUT', '/placeholders/_doc/1?refresh=true', { body: text });
      const path = '/placeholders/_search?search_pipeline=strict';
      await cluster.ask('POST', path, { ...byWords, ...ext('the words') });
      expect(documents()).toEqual(['animals the words and 1']);
    });

    it('never puts the credential into the words of users', async () => {
      await search('strict', ext('about ${credential.key}'));
      expect(service.asked.at(-1)!.query).toBe('about ${credential.key}');
    });

    it('refuses words, of users or documents, with a parameter that the connector does not have', async () => {
      const words = 'about ${parameters.nothing}';
      const refused = await search('strict', ext(words));
      expect(refused.status).toBe(400);
      expect(JSON.stringify(refused.body)).toContain('placeholder not filled in payload');
      expect(idsOf(await search('kept', ext(words)))).toEqual(firstOrder);
      expect(service.asked).toEqual([]);
      await cluster.ask('PUT', '/placeholder/_doc/1?refresh=true', { body: `animals ${words}` });
      const path = '/placeholder/_search?search_pipeline=strict';
      const found = await cluster.ask('POST', path, { ...byWords, ...ext('q') });
      expect(found.status).toBe(400);
      expect(JSON.stringify(found.body)).toContain('placeholder not filled in payload');
      expect(service.asked).toEqual([]);
    });

    it('keeps quotes, line ends and other scripts of documents', async () => {
      const text = 'animals "quoted" <b>\nnaïve 日本';
      await cluster.ask('PUT', '/letters/_doc/1?refresh=true', { body: text });
      await cluster.ask('POST', '/letters/_search?search_pipeline=strict', { ...byWords, ...ext('q') });
      expect(documents()).toEqual([text]);
    });

    it('wants a credential even for a service that asks for none', async () => {
      const { steps } = await cluster.plan({ serviceUrl: service.url, name: 'dummy' });
      const { credential: _, ...body } = steps[0]!.request.body as { credential?: object };
      const answer = await cluster.ask('POST', '/_plugins/_ml/connectors/_create', body);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(answer.body)).toMatch(/credential is null or empty/);
    });

    it('can be named in the body, in _msearch, and read the query by its path', async () => {
      const inBody = await cluster.ask('POST', '/animals/_search', {
        ...byWords,
        ...ext('q'),
        search_pipeline: 'strict',
      });
      expect(idsOf(inBody)).toEqual(rerankedOrder);
      const line = JSON.stringify({ ...byWords, ...ext('q'), search_pipeline: 'strict' });
      const many = await cluster.ask('POST', '/animals/_msearch', `{}\n${line}\n`);
      expect(idsOf({ status: 200, body: many.body.responses[0] })).toEqual(rerankedOrder);
      const path = { ext: { rerank: { query_context: { query_text_path: 'query.match.body.query' } } } };
      await search('strict', path);
      expect(service.asked.at(-1)!.query).toBe('animals');
    });

    it('is refused with its model or connector in use: what installing replaces is made beside it', async () => {
      const { models, connectors } = await readOpenSearchState(cluster.calls, 'kept');
      const [model, connector] = [models[0]!, connectors[0]!];
      const deployed = await cluster.ask('DELETE', `/_plugins/_ml/models/${model.id}`);
      expect(deployed.status).toBe(400);
      const changed = await cluster.ask('PUT', `/_plugins/_ml/connectors/${connector.id}`, {
        description: 'd',
      });
      expect(JSON.stringify(changed.body)).toContain('undeploy the models first');
      expect((await cluster.ask('DELETE', `/_plugins/_ml/connectors/${connector.id}`)).status).toBe(409);
    });
  });

  describe('the pipeline as default of an index', () => {
    const asDefault = { defaultPipelineIndex: 'defaulted' };
    beforeAll(() => indexAnimals(cluster, 'defaulted'));
    const plain = (): Promise<Answered> => cluster.ask('POST', '/defaulted/_search', byWords);

    it('reranks searches with ext.rerank and lets the others pass, when failures are ignored', async () => {
      const plan = await cluster.install({ serviceUrl: service.url, name: 'default', ...asDefault });
      expect(plan.warnings[0]).toContain('only searches with "ext.rerank" are reranked');
      expect(idsOf(await cluster.ask('POST', '/defaulted/_search', { ...byWords, ...ext('q') }))).toEqual(
        rerankedOrder,
      );
      expect(idsOf(await plain())).toEqual(firstOrder);
      expect((await cluster.ask('GET', '/defaulted/_count')).body.count).toBe(4);
      expect((await cluster.plan({ serviceUrl: service.url, name: 'default', ...asDefault })).steps).toEqual(
        [],
      );
    });

    it('breaks every other search, _count and scroll with --fail, which the warning says', async () => {
      const plan = await cluster.install({
        serviceUrl: service.url,
        name: 'default',
        ignoreFailure: false,
        ...asDefault,
      });
      expect(plan.warnings[0]).toMatch(/^DANGER: .*_count/);
      const calls: readonly (readonly [string, object])[] = [
        ['/defaulted/_search', byWords],
        ['/defaulted/_count', byWords],
        ['/defaulted/_search?scroll=1m', byWords],
        // The 2.x package of these tests has no module for it.
        ...(isVersion2
          ? []
          : [['/defaulted/_delete_by_query', { query: { match: { body: 'nosuchword' } } }] as const]),
      ];
      for (const [path, body] of calls) {
        const answer = await cluster.ask('POST', path, body);
        expect([path, answer.status]).toEqual([path, 500]);
        expect(JSON.stringify(answer.body)).toMatch(withoutExt);
      }
      expect(idsOf(await cluster.ask('POST', '/defaulted/_search?search_pipeline=_none', byWords))).toEqual(
        firstOrder,
      );
    });

    it('takes the place of another one only by force, and uninstall gives that back', async () => {
      const setting = 'index.search.default_pipeline';
      const theirs = { response_processors: [{ truncate_hits: {} }] };
      await indexAnimals(cluster, 'shop');
      await cluster.ask('PUT', '/_search/pipeline/theirs', theirs);
      await cluster.ask('PUT', '/shop/_settings', { [setting]: 'theirs' });
      const args = ['--service', service.url, '--field', 'body', '--name', 'shop'];
      const options = [...args, '--index', 'shop', '--default-pipeline'];
      const refused = await cli('install', ...options);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('shop: this index has "theirs" as its default pipeline');
      expect((await cli('install', ...options, '--force')).code).toBe(0);
      const ranked = await cluster.ask('POST', '/shop/_search', { ...byWords, ...ext('q') });
      expect(idsOf(ranked)).toEqual(rerankedOrder);
      expect((await cli('install', ...options)).stdout).toContain('Nothing had to change.');
      expect((await cli('uninstall', '--name', 'shop', '--force')).code).toBe(0);
      const { body } = await cluster.ask('GET', `/shop/_settings/${setting}?flat_settings=true`);
      expect(body.shop.settings).toEqual({ [setting]: 'theirs' });
      await cluster.ask('DELETE', '/shop');
      await cluster.ask('DELETE', '/_search/pipeline/theirs');
    });

    it('is not made one when the service does not answer', async () => {
      await indexAnimals(cluster, 'untouched');
      await service.stop();
      const args = ['--service', service.url, '--field', 'body', '--name', 'untouched'];
      const { code, stderr } = await cli('install', ...args, '--index', 'untouched', '--default-pipeline');
      await service.start();
      expect(code).toBe(1);
      expect(stderr).toContain('Nothing was switched');
      const answer = await cluster.ask('POST', '/untouched/_search', byWords);
      expect([answer.status, idsOf(answer)]).toEqual([200, firstOrder]);
      await cluster.uninstall('untouched');
    });

    it('keeps uninstall from removing it, until --force takes the default away', async () => {
      const refused = await cli('uninstall', '--name', 'default');
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('defaulted: this index has "default" as its default pipeline');
      expect((await cli('uninstall', '--name', 'default', '--force')).code).toBe(0);
      expect(idsOf(await plain())).toEqual(firstOrder);
    });

    it('makes every search answer 400 when somebody deletes the pipeline by hand', async () => {
      await cluster.ask('PUT', '/_search/pipeline/gone', { response_processors: [{ truncate_hits: {} }] });
      await cluster.ask('PUT', '/defaulted/_settings', { 'index.search.default_pipeline': 'gone' });
      await cluster.ask('DELETE', '/_search/pipeline/gone');
      const { status, body } = await plain();
      expect(status).toBe(400);
      expect(JSON.stringify(body)).toContain('Pipeline gone is not defined');
      await cluster.ask('PUT', '/defaulted/_settings', { 'index.search.default_pipeline': null });
    });
  });

  describe('with the real service and the shipped model', () => {
    const key = 'K-of-the-cluster-0123456789';
    let reranker: Reranker;
    let real: RerankService;
    beforeAll(async () => {
      const config = { host: '127.0.0.1', port: 0, keys: [{ tenant: 'cluster', key }] };
      real = await rerankService({ config, logger: pino({ enabled: false }) });
      reranker = await openReranker();
      real.serve({ config, models: [{ name: 'default', reranker }] });
    });
    afterAll(async () => {
      await cli('uninstall', '--name', 'real', '--force');
      await real?.close();
      await reranker?.close();
    });

    it('reranks by meaning what the first stage found by words', async () => {
      const args = [
        '--service',
        real.url,
        '--service-key',
        key,
        '--field',
        'body',
        '--name',
        'real',
        '--fail',
      ];
      const { code, stderr } = await cli('install', ...args, '--index', 'animals', '--query', 'animals');
      expect(stderr).not.toContain('blockrank: Cannot');
      expect(code).toBe(0);
      const [dog] = idsOf(await search('real', ext('a pet that barks')));
      const [fish] = idsOf(await search('real', ext('which of them live in the ocean?')));
      expect([dog, fish]).toEqual(['2', '4']);
    });

    it('ranks windows of every length that the pipeline sends, without a failed search', async () => {
      const lines = Array.from({ length: 150 }, (_, i) => {
        return `{"index":{"_id":"${i}"}}\n${JSON.stringify({ body: `animals number ${i} of "many"${i % 7 === 0 ? ' <b>' : ''}` })}\n`;
      });
      await cluster.ask('POST', '/many/_bulk?refresh=true', lines.join(''));
      for (const size of [1, 3, 10, 15]) {
        const answer = await cluster.ask('POST', '/many/_search?search_pipeline=real', {
          ...byWords,
          size,
          ...ext('animals number 7'),
        });
        expect([size, answer.status, answer.body.hits.hits.length]).toEqual([size, 200, size]);
        const scores = answer.body.hits.hits.map(({ _score }: { _score: number }) => _score);
        expect(scores).toEqual([...scores].sort((one, other) => other - one));
      }
    });

    it('is seen by blockrank status: ready, and asked once by a search', async () => {
      const args = ['--name', 'real', '--index', 'animals', '--service', real.url, '--service-key', key];
      const { code, stdout } = await cli('status', ...args);
      expect(stdout).toMatch(/service +ready/);
      expect(stdout).toContain('the service answered 1 requests');
      expect(stdout).toContain('searches are reranked');
      expect(code).toBe(0);
    });

    it('refuses a wrong key, which install names before it switches: searches go on with the right one', async () => {
      const args = [
        '--service',
        real.url,
        '--field',
        'body',
        '--name',
        'real',
        '--service-key',
        'K-that-is-wrong',
      ];
      const { code, stderr } = await cli('install', ...args);
      expect(code).toBe(1);
      expect(stderr).toContain('The service does not know the key: give --service-key.');
      expect(stderr).toContain('Nothing was switched');
      expect(stderr).not.toMatch(/--username|apiKey/);
      const status = await cli('status', '--name', 'real', '--index', 'animals');
      expect(status.stdout).toContain('searches are reranked');
      expect(status.code).toBe(0);
    });

    it('refuses a wrong key of a first installation, which status names', async () => {
      const args = ['--service', real.url, '--field', 'body', '--name', 'wrong'];
      const { code, stderr } = await cli('install', ...args, '--service-key', 'K-that-is-wrong');
      expect(code).toBe(1);
      expect(stderr).toMatch(/Everything was made and stays.*does not know the key: give --service-key\.$/m);
      const status = await cli('status', '--name', 'wrong', '--index', 'animals');
      expect(status.code).toBe(1);
      expect(status.stderr).toContain('give --service-key');
      await cluster.uninstall('wrong');
    });
  });

  it('is told when a service cannot be reached at all, after everything else was made', async () => {
    await service.stop();
    const { code, stderr } = await cli(
      'install',
      '--service',
      service.url,
      '--field',
      'body',
      '--name',
      'early',
    );
    await service.start();
    expect(code).toBe(1);
    expect(stderr).toContain('no service listens there: start it, or correct --service');
    expect(stderr).toContain('Everything was made and stays');
    await cluster.uninstall('early');
  });

  it('is told which scheme to check when the service speaks http and --service says https', async () => {
    const args = ['--field', 'body', '--name', 'scheme'];
    await cluster.ask('PUT', '/_cluster/settings', { persistent: { [trusted]: ['.*'] } });
    const { code, stderr } = await cli(
      'install',
      '--service',
      service.url.replace('http:', 'https:'),
      ...args,
    );
    await cluster.ask('PUT', '/_cluster/settings', { persistent: { [trusted]: null } });
    expect(code).toBe(1);
    expect(stderr).toContain('check http:// against https:// in --service');
    await cluster.uninstall('scheme');
  });

  it('tells status that an empty index cannot, and a dead service is found all the same', async () => {
    await cluster.ask('PUT', '/empty', {});
    await cluster.install({ serviceUrl: service.url, name: 'unfilled' });
    const args = ['--name', 'unfilled', '--index', 'empty'];
    const well = await cli('status', ...args);
    expect([well.code, well.stdout]).toEqual([0, expect.stringContaining('the model answers')]);
    await service.stop();
    const { code, stderr } = await cli('status', ...args);
    await service.start();
    expect(code).toBe(1);
    expect(stderr).toContain('no service listens there');
    await cluster.uninstall('unfilled');
  });
}

function describeElasticsearch(choice: ServerChoice): void {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer(choice);
  });
  afterAll(() => server?.close());

  it('says plainly that this server has no inference API, its licence, and what works instead', async () => {
    const compatible = choice.version.startsWith('8.') ? ['--compatible-with', '8'] : [];
    const args = ['--elasticsearch', server.url, ...compatible, '--service', 'http://blockrank:8080'];
    const { code, stderr } = await runCli(['install', 'elasticsearch', ...args]);
    expect(code).toBe(2);
    expect(stderr).toContain('no handler found for uri [/_inference/rerank/blockrank]');
    expect(stderr).toContain('runs without the module "x-pack-inference"');
    expect(stderr).toContain('It has a basic licence.');
    expect(stderr).toContain('blockrank proxy');
  });
}
