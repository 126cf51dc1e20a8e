import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type InferenceDouble,
  type InferenceDoubleOptions,
  startInferenceDouble,
} from '../../support/doubles/elasticsearch-inference-double.ts';
import {
  type MlDouble,
  type MlDoubleOptions,
  startMlDouble,
  trustedSetting,
} from '../../support/doubles/opensearch-ml-double.ts';
import {
  type RerankServiceDouble,
  startRerankServiceDouble,
} from '../../support/doubles/rerank-service-double.ts';
import type { AwsAccount } from '../../support/doubles/strict-server.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { type Certificates, makeCertificates } from '../../support/tiny/certificates.ts';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

const serviceUrl = 'https://rerank.example.com';
const wanted = ['--service', serviceUrl, '--field', 'body'];

async function openSearch(options: MlDoubleOptions = {}): Promise<MlDouble> {
  const settings = { [trustedSetting]: ['^https://rerank\\.example\\.com/.*$'] };
  const double = await startMlDouble({ settings, ...options });
  closers.push(double.close);
  return double;
}

async function elasticsearch(options: InferenceDoubleOptions = {}): Promise<InferenceDouble> {
  const double = await startInferenceDouble(options);
  closers.push(double.close);
  return double;
}

async function rerankService(key?: string): Promise<RerankServiceDouble> {
  const service = await startRerankServiceDouble(key === undefined ? {} : { key });
  closers.push(service.close);
  return service;
}

const install = (args: readonly string[]): Promise<CliResult> => runCli(['install', ...args]);
const status = (args: readonly string[]): Promise<CliResult> => runCli(['status', ...args]);
const uninstall = (args: readonly string[]): Promise<CliResult> => runCli(['uninstall', ...args]);

describe('blockrank install opensearch', () => {
  it('installs, tells every step on standard error, and how to search on standard output', async () => {
    const { url, pipelines } = await openSearch();
    const { code, stdout, stderr } = await runCli(['install', 'opensearch', '--opensearch', url, ...wanted]);
    expect(stdout).toContain('Installed.');
    expect(stdout).toContain('POST /my-index/_search?search_pipeline=blockrank');
    expect(stderr).toMatch(/warning: .*create connector.*register and deploy model.*create search pipeline/s);
    expect(code).toBe(0);
    expect(pipelines.has('blockrank')).toBe(true);
  });

  it('prints JSON, with secrets masked, and reads the key from the environment', async () => {
    const { url, writes } = await openSearch();
    const args = ['install', 'opensearch', '--opensearch', url, ...wanted, '--dry-run', '--json'];
    const { code, stdout } = await runCli(args, { env: { BLOCKRANK_SERVICE_KEY: 'K-secret' } });
    const { dryRun, requests, parts } = JSON.parse(stdout);
    expect({ code, dryRun }).toEqual({ code: 0, dryRun: true });
    expect(requests.map(({ method, path }: { method: string; path: string }) => `${method} ${path}`)).toEqual(
      [
        'POST /_plugins/_ml/connectors/_create',
        'POST /_plugins/_ml/models/_register',
        'PUT /_search/pipeline/blockrank',
      ],
    );
    expect(requests[0].body.credential).toEqual({ key: '***' });
    expect(requests[0].body.actions[0].headers).toEqual({ Authorization: 'Bearer ${credential.key}' });
    expect(parts.map(({ state }: { state: string }) => state)).toEqual(['absent', 'absent', 'absent']);
    expect(stdout).not.toContain('K-secret');
    expect(writes).toEqual([]);
  });

  it('names the settings that stand in the way, and ends with 2', async () => {
    const { url, writes } = await openSearch({ settings: {} });
    const { code, stderr } = await install(['opensearch', '--opensearch', url, ...wanted]);
    expect(stderr).toContain('plugins.ml_commons.trusted_connector_endpoints_regex');
    expect(stderr).toContain('--set-cluster-settings');
    expect(code).toBe(2);
    expect(writes).toEqual([]);
  });

  it('names a missing plugin, and ends with 2', async () => {
    const { url } = await openSearch({ plugins: ['opensearch-knn'] });
    const { code, stderr } = await install(['opensearch', '--opensearch', url, ...wanted]);
    expect(stderr).toContain(
      'opensearch-ml: this plugin (ML Commons, which calls the service) is not installed',
    );
    expect(stderr).toContain('opensearch-neural-search');
    expect(code).toBe(2);
  });

  it.each<[string, string[], RegExp]>([
    ['no server', ['opensearch', ...wanted], /give the server's address: --opensearch/],
    [
      'another kind of server',
      ['opensearch', '--elasticsearch', 'http://a', ...wanted],
      /is for the other kind of server/,
    ],
    ['an unknown kind', ['solr', ...wanted], /Allowed choices are opensearch, elasticsearch/],
    ['no service', ['opensearch', '--opensearch', 'http://a'], /--service <url>/],
    [
      'no fields',
      ['opensearch', '--opensearch', 'http://a', '--service', serviceUrl],
      /--field: expected at least one/,
    ],
    [
      'a default of no index',
      ['opensearch', '--opensearch', 'http://a', ...wanted, '--default-pipeline'],
      /--index NAME/,
    ],
    [
      'an option of the other',
      ['opensearch', '--opensearch', 'http://a', ...wanted, '--inference', 'custom'],
      /elasticsearch only/,
    ],
    ['a small window', ['opensearch', '--opensearch', 'http://a', ...wanted, '--window', '5'], /at least 10/],
    [
      'a service that is no address',
      ['opensearch', '--opensearch', 'http://a', '--service', 'blockrank', '--field', 'body'],
      /--service: expected the address of the service/,
    ],
    [
      'a name that the server would not take',
      ['opensearch', '--opensearch', 'http://a', ...wanted, '--name', 'Big Name'],
      /--name: expected lower-case letters/,
    ],
    ['a server that is no address', ['opensearch', '--opensearch', 'a', ...wanted], /--opensearch: expected/],
    [
      'a key of Elasticsearch',
      ['opensearch', '--opensearch', 'http://a', ...wanted, '--api-key', 'k'],
      /--api-key: /,
    ],
    [
      'a file that is not there',
      ['opensearch', '--opensearch', 'https://a', ...wanted, '--ca', '/no/such.pem'],
      /--ca: cannot read/,
    ],
  ])('refuses %s', async (_name, args, message) => {
    const { code, stderr } = await install([...args]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  it('says what to check when nothing listens', async () => {
    const { code, stderr } = await runCli([
      'install',
      'opensearch',
      '--opensearch',
      'http://127.0.0.1:9',
      ...wanted,
    ]);
    expect(stderr).toMatch(/ConnectionError|ECONNREFUSED/);
    expect(code).toBe(1);
  });

  describe('through the connection options', () => {
    let certificates: Certificates;
    beforeAll(async () => {
      certificates = await makeCertificates();
    });
    afterAll(() => certificates.remove());
    const connect = (url: string, more: string[], env = {}): Promise<CliResult> =>
      runCli(['install', 'opensearch', '--opensearch', url, ...wanted, ...more], { env });

    it('shows a password over TLS of an own CA, and says what is wrong without them', async () => {
      const authorization = `Basic ${Buffer.from('admin:pass').toString('base64')}`;
      const { url, writes } = await openSearch({ certificates, authorization });
      const ca = ['--ca', certificates.files.ca];
      const { code } = await connect(url, [...ca, '--username', 'admin'], { BLOCKRANK_PASSWORD: 'pass' });
      expect(code).toBe(0);
      expect(writes).toHaveLength(3);
      const untrusted = await connect(url, []);
      expect(untrusted.stderr).toContain('--ca FILE');
      const unknown = await connect(url, ca);
      expect(unknown.stderr).toContain('does not know who asks: check --username and --password');
      expect([untrusted.code, unknown.code]).toEqual([1, 1]);
    });

    it('shows a client certificate', async () => {
      const { url, writes } = await openSearch({ certificates, wantsClientCertificate: true });
      const { ca, clientCert, clientKey } = certificates.files;
      const { code } = await connect(url, ['--ca', ca, '--cert', clientCert, '--key', clientKey]);
      expect(code).toBe(0);
      expect(writes).toHaveLength(3);
    });

    it.each(['es', 'aoss'] as const)('signs every call for the service %s of AWS', async (service) => {
      const aws: AwsAccount = {
        accessKeyId: 'AKID',
        secretAccessKey: 'secret',
        region: 'eu-central-1',
        service,
      };
      const { url, writes } = await openSearch({ aws });
      const env = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret' };
      const region = ['--aws-region', aws.region];
      const { code, stderr } = await connect(url, [...region, '--aws-service', service], env);
      expect(stderr).not.toContain('Signature');
      expect(code).toBe(0);
      expect(writes).toHaveLength(3);
      const other = service === 'es' ? 'aoss' : 'es';
      const wrong = await connect(url, [...region, '--aws-service', other], env);
      expect(wrong.stderr).toContain('scoped to a valid region and service');
      expect(wrong.code).toBe(1);
    });
  });
});

describe('blockrank uninstall opensearch', () => {
  it('prints what it would send, then sends it, then has nothing to do', async () => {
    const { url, writes, pipelines } = await openSearch();
    const server = ['opensearch', '--opensearch', url];
    await install([...server, ...wanted]);
    writes.length = 0;
    const dry = await uninstall([...server, '--dry-run']);
    expect(dry.stdout).toContain('DELETE /_search/pipeline/blockrank');
    expect(writes).toEqual([]);
    const real = await uninstall([...server]);
    expect(real.stdout).toContain('Nothing of "blockrank" is left.');
    expect(pipelines.size).toBe(0);
    const again = await uninstall([...server, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ parts: [], requests: [], left: [] });
  });

  it('names what it had to leave', async () => {
    const { url, models } = await openSearch({ mistakesConnectors: true });
    const server = ['opensearch', '--opensearch', url];
    await install([...server, ...wanted]);
    models.set('theirs', { name: 'other', model_state: 'DEPLOYED' });
    const { code, stdout, stderr } = await uninstall([...server]);
    expect(stdout).toContain('gone but what the warnings name');
    expect(stderr).toContain('The next run tries again.');
    expect(code).toBe(0);
  });
});

describe('blockrank status opensearch', () => {
  it('tells parts and probe as JSON', async () => {
    const { url } = await openSearch();
    const server = ['opensearch', '--opensearch', url];
    await install([...server, ...wanted]);
    const service = await rerankService();
    const { code, stdout } = await status([...server, '--service', service.url, '--json']);
    const { parts, probe, service: seen, statistics } = JSON.parse(stdout);
    expect(parts.map(({ part, state }: Record<string, string>) => `${part} ${state}`)).toContain(
      'model deployed',
    );
    expect(probe.outcome).toBe('model-only');
    expect(seen).toEqual({ isReady: true, detail: 'ready' });
    expect(statistics).toEqual({ count: 0, failed: 0 });
    expect(code).toBe(0);
  });

  it('ends with 1 when something is missing, and says which', async () => {
    const { url } = await openSearch();
    const { code, stdout, stderr } = await status(['opensearch', '--opensearch', url]);
    expect(stdout).toMatch(/pipeline +absent/);
    expect(stderr).toContain('Searches are not reranked: connector absent');
    expect(code).toBe(1);
  });
});

describe('blockrank install elasticsearch', () => {
  it('installs, tries the endpoint, and prints how to search with it', async () => {
    const { url } = await elasticsearch();
    const service = await rerankService('K');
    const args = [
      'elasticsearch',
      '--elasticsearch',
      url,
      '--service',
      service.url,
      '--service-key',
      'K',
      '--field',
      'body',
    ];
    const { code, stdout } = await install([...args]);
    expect(stdout).toContain('trial licence');
    expect(stdout).toContain('Installed.');
    expect(stdout).toContain('"text_similarity_reranker"');
    expect(stdout).toContain('"allow_rerank_failures": true');
    expect(stdout).toContain('| RERANK "words of the user" ON body WITH { "inference_id" : "blockrank" }');
    expect(code).toBe(0);
    expect(service.asked.at(-1)).toMatchObject({ authorization: 'Bearer K' });
    const again = await install([...args, '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({ parts: [{ state: 'unchanged' }], requests: [] });
  });

  it('prints the exact request, secrets masked, and sends none, with --dry-run', async () => {
    const double = await elasticsearch();
    const args = [
      'elasticsearch',
      '--elasticsearch',
      double.url,
      '--service',
      serviceUrl,
      '--service-key',
      'K-secret',
    ];
    for (const inference of ['custom', 'hugging_face']) {
      const { stdout } = await install([...args, '--inference', inference, '--dry-run']);
      expect(stdout).toContain('PUT /_inference/rerank/blockrank');
      expect(stdout).toContain('"api_key": "***"');
      expect(stdout).not.toContain('K-secret');
    }
    expect(double.writes()).toEqual([]);
  });

  it('says plainly what a Basic licence cannot do, and what works instead', async () => {
    const { url } = await elasticsearch({ licence: { type: 'basic', status: 'active' } });
    const args = ['elasticsearch', '--elasticsearch', url, '--service', serviceUrl];
    const { code, stderr } = await install(args);
    expect(stderr).toMatch(/this cluster has a basic licence.*Enterprise or a trial.*blockrank proxy/);
    expect(code).toBe(2);
  });

  it.each<[string[], RegExp]>([
    [['--service', 'blockrank'], /--service: expected the address of the service/],
    [['--inference', 'hugging_face', '--service-model', 'm'], /--service-model: .*names no model/],
    [['--window', '50'], /--window: is for opensearch only/],
    [['--field', 'a,b'], /give one: Elasticsearch reranks by exactly one field/],
    [['--set-cluster-settings'], /--set-cluster-settings: is for opensearch only/],
  ])('refuses %s', async (more, message) => {
    const args = ['elasticsearch', '--elasticsearch', 'http://a', '--service', serviceUrl, ...more];
    const { code, stderr } = await install(args);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});

describe('blockrank status and uninstall elasticsearch', () => {
  it('ask the endpoint, and end with 1 when the service is away', async () => {
    const { url } = await elasticsearch();
    const service = await rerankService();
    const server = ['elasticsearch', '--elasticsearch', url];
    await install([...server, '--service', service.url]);
    const well = await status([...server, '--service', service.url]);
    expect(well.stdout).toContain('answers: two sample documents score');
    expect(well.stdout).toContain('the service answered 1 requests');
    expect(well.code).toBe(0);
    await service.stop();
    const away = await status([...server]);
    expect(away.stderr).toMatch(/Searches are not reranked: .*Connection refused.*check --service/);
    expect(away.code).toBe(1);
    const removed = await uninstall([...server]);
    expect(removed.stderr).toContain('Searches that name "blockrank"');
    expect(removed.code).toBe(0);
    const gone = await status([...server]);
    expect(gone.stderr).toContain('no inference endpoint "blockrank"');
    expect(gone.code).toBe(1);
  });
});
