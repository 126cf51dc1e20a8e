import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, FirstStageError } from '../../../engine/index.ts';
import { type ConnectContext, connectOpenSearch, toAdvised } from '../../../plugin/compose/index.ts';
import type { AwsSigning, OpenSearchConnection } from '../../../plugin/config/index.ts';
import {
  type AwsAccount,
  type StrictServer,
  type StrictServerOptions,
  startStrictServer,
} from '../../support/doubles/strict-server.ts';
import { type Certificates, makeCertificates } from '../../support/tiny/certificates.ts';

let certificates: Certificates;
let credentialsFile: string;
const opened: StrictServer[] = [];

const account = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  region: 'eu-central-1',
  service: 'es',
} as const satisfies AwsAccount;
const { accessKeyId, secretAccessKey, region } = account;

beforeAll(async () => {
  certificates = await makeCertificates();
  credentialsFile = join(dirname(certificates.files.ca), 'credentials');
  await writeFile(
    credentialsFile,
    `# keys of two accounts
[default]
aws_access_key_id = SOMEBODYELSE
aws_secret_access_key = nothing

[search]
aws_access_key_id=${accessKeyId}
aws_secret_access_key = ${secretAccessKey}

[role]
role_arn = arn:aws:iam::1:role/search
`,
  );
});

afterAll(async () => {
  await Promise.all(opened.map((server) => server.close()));
  await certificates.remove();
});

async function start(options: Partial<StrictServerOptions> = {}): Promise<StrictServer> {
  const server = await startStrictServer({ product: 'opensearch', certificates, ...options });
  opened.push(server);
  return server;
}

interface Ask {
  readonly env?: ConnectContext['env'];
  readonly index?: string;
  readonly warnings?: string[];
}

/** Elsewhere than on the machine's own credentials. */
const noCredentials = { AWS_SHARED_CREDENTIALS_FILE: '/no/such/file' };

/** Loads what is installed but the AWS SDK, which a machine may have or not. */
async function withoutAwsSdk(name: string): Promise<unknown> {
  if (!name.startsWith('@aws-sdk/')) return import(name);
  throw Object.assign(new Error(`Cannot find package "${name}"`), { code: 'ERR_MODULE_NOT_FOUND' });
}

async function search(
  options: OpenSearchConnection,
  { env = noCredentials, index = 'articles', warnings = [] }: Ask = {},
): Promise<readonly string[]> {
  const onWarning = (message: string): void => void warnings.push(message);
  const context = { env, onWarning, importPackage: withoutAwsSdk };
  const client = await connectOpenSearch(
    { maxRetries: 0, tls: { ca: certificates.files.ca }, ...options },
    context,
  );
  try {
    const { body } = await client.search({ index, body: { query: { match: { body: 'stars' } } } });
    return body.hits.hits.map(({ _id }) => _id!);
  } catch (error) {
    throw toAdvised(error, 'opensearch');
  } finally {
    await client.close();
  }
}

async function refusal(options: OpenSearchConnection, ask: Ask = {}): Promise<FirstStageError> {
  const error = await search(options, ask).then(
    () => new Error('expected a refusal'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FirstStageError);
  return error as FirstStageError;
}

const found = ['c', 'a', 'b'];

describe('connectOpenSearch', () => {
  it.each([
    [
      'a user and a password',
      { username: 'eve', password: 'pß' },
      `Basic ${Buffer.from('eve:pß').toString('base64')}`,
    ],
    ['a bearer token', { bearer: 'token-1' }, 'Bearer token-1'],
  ])('searches with %s', async (_what, auth, authorization) => {
    const { url } = await start({ authorization });
    await expect(search({ node: url, auth })).resolves.toEqual(found);
  });

  it('tells nobody and somebody else what to check', async () => {
    const { url } = await start({ authorization: 'Bearer token-1' });
    for (const auth of [undefined, { bearer: 'token-2' }]) {
      const error = await refusal({ node: url, ...(auth && { auth }) });
      expect(error.statusCode).toBe(401);
      expect(error.message).toContain('check apiKey, username and password, bearer, or aws');
      expect(error.message).not.toContain('token-2');
    }
  });

  it('checks the certificate, or says that it does not', async () => {
    const { url } = await start();
    expect((await refusal({ node: url, tls: {} })).message).toContain('--ca FILE');
    const warnings: string[] = [];
    await expect(search({ node: url, tls: { insecure: true } }, { warnings })).resolves.toEqual(found);
    expect(warnings).toEqual([expect.stringContaining('certificate is not checked')]);
  });

  it('shows a client certificate, and says that one is missing', async () => {
    const server = await start({ wantsClientCertificate: true });
    const { ca, clientCert: cert, clientKey: key } = certificates.files;
    await expect(search({ node: server.url, tls: { ca, cert, key } })).resolves.toEqual(found);
    expect(server.seen[0]?.clientName).toBe('app');
    expect((await refusal({ node: server.url })).message).toMatch(/client certificate/);
  });

  it('names the package when it is missing', async () => {
    const importPackage = (): Promise<unknown> => import('no-such-package-here' as string);
    const result = connectOpenSearch(
      { node: 'http://127.0.0.1:1' },
      { env: {}, onWarning: () => undefined, importPackage },
    );
    await expect(result).rejects.toBeInstanceOf(ConfigurationError);
    await expect(result).rejects.toThrow('run "npm install @opensearch-project/opensearch"');
  });
});

describe('connectOpenSearch for AWS', () => {
  it.each<[string, Partial<AwsSigning>, ConnectContext['env']]>([
    ['keys of the configuration', { accessKeyId, secretAccessKey }, noCredentials],
    [
      'keys of the environment',
      {},
      { ...noCredentials, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey },
    ],
  ])('signs with %s', async (_what, keys, env) => {
    const { url } = await start({ aws: account });
    await expect(search({ node: url, aws: { region, ...keys } }, { env })).resolves.toEqual(found);
  });

  it('signs with the keys of a profile, named in the configuration or by AWS_PROFILE', async () => {
    const { url } = await start({ aws: account });
    const env = { AWS_SHARED_CREDENTIALS_FILE: credentialsFile };
    await expect(search({ node: url, aws: { region, profile: 'search' } }, { env })).resolves.toEqual(found);
    await expect(
      search({ node: url, aws: { region } }, { env: { ...env, AWS_PROFILE: 'search' } }),
    ).resolves.toEqual(found);
    const error = await refusal({ node: url, aws: { region } }, { env });
    expect(error.statusCode).toBe(403);
  });

  it('sends the session token of temporary keys, for Serverless too', async () => {
    const temporary = { ...account, sessionToken: 'session/token==', service: 'aoss' } as const;
    const { url } = await start({ aws: temporary });
    const aws = {
      region,
      service: 'aoss',
      accessKeyId,
      secretAccessKey,
      sessionToken: 'session/token==',
    } as const;
    await expect(search({ node: url, aws })).resolves.toEqual(found);
    const { sessionToken: _left, ...without } = aws;
    expect((await refusal({ node: url, aws: without })).statusCode).toBe(403);
  });

  it('signs paths with several indices as AWS reads them', async () => {
    const { url } = await start({ aws: account });
    const aws = { region, accessKeyId, secretAccessKey };
    await expect(search({ node: url, aws }, { index: 'articles,articles-old' })).resolves.toEqual(found);
  });

  it.each<[string, Partial<AwsSigning>]>([
    ['a wrong secret', { secretAccessKey: 'guess' }],
    ['a wrong key', { accessKeyId: 'AKIDOTHER' }],
    ['a wrong region', { region: 'us-east-1' }],
    ['a wrong service', { service: 'aoss' }],
  ])('tells what to check after %s', async (_what, wrong) => {
    const { url } = await start({ aws: account });
    const error = await refusal({ node: url, aws: { region, accessKeyId, secretAccessKey, ...wrong } });
    expect(error.statusCode).toBe(403);
    expect(error.message).toContain('region, service and keys of aws');
    expect(error.message).not.toContain('guess');
  });

  it('says where credentials may come from when there are none', async () => {
    const result = search({ node: 'https://127.0.0.1:1', aws: { region } });
    await expect(result).rejects.toBeInstanceOf(ConfigurationError);
    await expect(result).rejects.toThrow('set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
  });

  it('names the profiles that there are when one has no keys', async () => {
    const env = { AWS_SHARED_CREDENTIALS_FILE: credentialsFile };
    for (const profile of ['role', 'nobody']) {
      const result = search({ node: 'https://127.0.0.1:1', aws: { region, profile } }, { env });
      await expect(result).rejects.toThrow(`profile "${profile}" has no aws_access_key_id`);
      await expect(result).rejects.toThrow('profiles there: default, search, role');
    }
  });

  it('says that the credentials file of a named profile is not there', async () => {
    const result = search({ node: 'https://127.0.0.1:1', aws: { region, profile: 'search' } });
    await expect(result).rejects.toThrow('cannot read the shared credentials file "/no/such/file" (ENOENT)');
  });
});
