import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, FirstStageError } from '../../../engine/index.ts';
import { type ConnectContext, connectElasticsearch, toAdvised } from '../../../plugin/compose/index.ts';
import type { ElasticsearchConnection } from '../../../plugin/config/index.ts';
import {
  type StrictServer,
  type StrictServerOptions,
  startStrictServer,
} from '../../support/doubles/strict-server.ts';
import { type Certificates, makeCertificates, passphrase } from '../../support/tiny/certificates.ts';

let certificates: Certificates;
const opened: StrictServer[] = [];

beforeAll(async () => {
  certificates = await makeCertificates();
});

afterAll(async () => {
  await Promise.all(opened.map((server) => server.close()));
  await certificates.remove();
});

async function start(options: Partial<StrictServerOptions> = {}): Promise<StrictServer> {
  const server = await startStrictServer({ product: 'elasticsearch', certificates, ...options });
  opened.push(server);
  return server;
}

interface Answer {
  readonly ids: readonly string[];
  readonly warnings: readonly string[];
}

async function search(
  options: ElasticsearchConnection,
  context: Partial<ConnectContext> = {},
): Promise<Answer> {
  const warnings: string[] = [];
  const client = await connectElasticsearch(
    { maxRetries: 0, ...options },
    { env: {}, onWarning: (message) => warnings.push(message), ...context },
  );
  try {
    const { hits } = await client.search({ index: 'articles', query: { match: { body: 'stars' } } });
    return { ids: hits.hits.map(({ _id }) => _id!), warnings };
  } catch (error) {
    throw toAdvised(error, 'elasticsearch');
  } finally {
    await client.close();
  }
}

async function refusal(
  options: ElasticsearchConnection,
  context: Partial<ConnectContext> = {},
): Promise<FirstStageError> {
  const error = await search(options, context).then(
    () => new Error('expected a refusal'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FirstStageError);
  return error as FirstStageError;
}

const found = ['c', 'a', 'b'];
const tls = (): { ca: string } => ({ ca: certificates.files.ca });
const encoded = Buffer.from('key-id:key-secret').toString('base64');

describe('connectElasticsearch', () => {
  it.each([
    ['an encoded API key', { apiKey: encoded }, `ApiKey ${encoded}`],
    ['an API key as id:key', { apiKey: 'key-id:key-secret' }, `ApiKey ${encoded}`],
    [
      'a user and a password',
      { username: 'eve', password: 'p:ß' },
      `Basic ${Buffer.from('eve:p:ß').toString('base64')}`,
    ],
    ['a bearer token', { bearer: 'token-1' }, 'Bearer token-1'],
  ])('searches with %s', async (_what, auth, authorization) => {
    const { url } = await start({ authorization });
    await expect(search({ node: url, auth, tls: tls() })).resolves.toEqual({ ids: found, warnings: [] });
  });

  it.each([
    ['nobody', undefined],
    ['the wrong API key', { apiKey: Buffer.from('key-id:other').toString('base64') }],
    ['a user instead of a key', { username: 'eve', password: 'p' }],
  ])('tells %s what to check', async (_what, auth) => {
    const { url } = await start({ authorization: `ApiKey ${encoded}` });
    const error = await refusal({ node: url, tls: tls(), ...(auth && { auth }) });
    expect(error.statusCode).toBe(401);
    expect(error.message).toContain('check apiKey, username and password, bearer');
    expect(error.message).not.toContain('other');
  });

  it('refuses a certificate of an unknown authority, and names the option', async () => {
    const { url } = await start();
    for (const options of [{ node: url }, { node: url, tls: { ca: certificates.files.strangerCa } }]) {
      const error = await refusal(options);
      expect(error.message).toContain("give the CA's file as tls.ca (--ca FILE)");
    }
  });

  it.each(['@elastic/elasticsearch', 'elasticsearch-8'])(
    'asks once alone where a certificate is refused, with the client %s',
    async (name) => {
      const server = await start();
      const importPackage = (): Promise<unknown> => import(name);
      const connection = { node: server.url, maxRetries: 3 };
      const error = await refusal(connection, { importPackage });
      expect(error.message).toContain("give the CA's file as tls.ca (--ca FILE)");
      expect(server.connections).toBe(1);
    },
  );

  it('skips the check only when told, and says so', async () => {
    const { url } = await start();
    const { ids, warnings } = await search({ node: url, tls: { insecure: true } });
    expect(ids).toEqual(found);
    expect(warnings).toEqual([expect.stringContaining('certificate is not checked')]);
  });

  it('shows a client certificate', async () => {
    const server = await start({ wantsClientCertificate: true });
    const { clientCert: cert, clientKey: key, encryptedKey } = certificates.files;
    await expect(search({ node: server.url, tls: { ...tls(), cert, key } })).resolves.toMatchObject({
      ids: found,
    });
    const locked = { ...tls(), cert, key: encryptedKey, passphrase };
    await expect(search({ node: server.url, tls: locked })).resolves.toMatchObject({ ids: found });
    expect(server.seen.map(({ clientName }) => clientName)).toEqual(['app', 'app']);
  });

  it('says that a client certificate is missing, or not trusted', async () => {
    const { url } = await start({ wantsClientCertificate: true });
    const { strangerCert: cert, strangerKey: key } = certificates.files;
    for (const files of [tls(), { ...tls(), cert, key }]) {
      const error = await refusal({ node: url, tls: files });
      expect(error.message).toMatch(/client certificate/);
    }
  });

  it('finds the server of a cloud id', async () => {
    const server = await start({ authorization: `ApiKey ${encoded}` });
    // Host and id are joined with a dot: 127 and 0.0.1 make the local address.
    const cloudId = `deployment:${Buffer.from(`0.0.1:${server.port}$127$kibana`).toString('base64')}`;
    const answer = await search({ cloudId, auth: { apiKey: encoded }, tls: tls() });
    expect(answer.ids).toEqual(found);
    expect(server.seen[0]?.headers['content-encoding']).toBe('gzip');
    const nowhere = `deployment:${Buffer.from('0.0.1:1$127').toString('base64')}`;
    const error = await refusal({ cloudId: nowhere, auth: { apiKey: encoded }, tls: tls() });
    expect(error.message).toContain('Nothing listens there');
  });

  it('speaks the media type of an older server when told, and names the option when not', async () => {
    const server = await start({ version: 8 });
    await expect(search({ node: server.url, tls: tls(), compatibleWith: 8 })).resolves.toMatchObject({
      ids: found,
    });
    expect(server.seen[0]?.headers['content-type']).toBe(
      'application/vnd.elasticsearch+json; compatible-with=8',
    );
    const error = await refusal({ node: server.url, tls: tls() });
    expect(error.message).toContain('set compatibleWith: 8');
  });

  it('works with client 8 on servers 8 and 9', async () => {
    const importPackage = (): Promise<unknown> => import('elasticsearch-8');
    for (const version of [8, 9]) {
      const server = await start({ version, authorization: 'Bearer t' });
      const answer = await search({ node: server.url, auth: { bearer: 't' }, tls: tls() }, { importPackage });
      expect(answer.ids).toEqual(found);
      expect(server.seen[0]?.headers['content-type']).toMatch(/compatible-with=8/);
    }
  });

  it('says that a server is another product', async () => {
    const { url } = await start({ product: 'opensearch' });
    const compatible = { node: url, tls: tls() };
    const error = await refusal(compatible);
    expect(error.message).toMatch(/media_type_header_exception|not Elasticsearch/);
  });

  it('says that nothing listens, and that TLS is spoken to a plain port', async () => {
    const plain = await start({ certificates: undefined as never });
    expect((await refusal({ node: 'https://127.0.0.1:1' })).message).toContain('Nothing listens there');
    expect((await refusal({ node: plain.url.replace('http:', 'https:') })).message).toContain(
      'does not speak TLS',
    );
  });

  it('names the package when it is missing', async () => {
    const importPackage = (): Promise<unknown> => import('no-such-package-here' as string);
    const result = search({ node: 'http://127.0.0.1:1' }, { importPackage });
    await expect(result).rejects.toBeInstanceOf(ConfigurationError);
    await expect(result).rejects.toThrow('run "npm install @elastic/elasticsearch"');
  });

  it('lists every file that cannot be read', async () => {
    const files = { ca: 'no/ca.pem', cert: 'no/cert.pem', key: import.meta.filename };
    const result = search({ node: 'https://127.0.0.1:1', tls: files });
    await expect(result).rejects.toMatchObject({
      code: 'configuration',
      issues: [
        { path: 'elasticsearch.tls.ca', message: 'cannot read "no/ca.pem" (ENOENT)' },
        { path: 'elasticsearch.tls.cert', message: 'cannot read "no/cert.pem" (ENOENT)' },
        { path: 'elasticsearch.tls.key', message: `expected a PEM file, got "${import.meta.filename}"` },
      ],
    });
  });

  it('checks options that come from code as well', async () => {
    const wrong = { node: 'search', auth: { user: 'eve' } } as unknown as ElasticsearchConnection;
    await expect(search(wrong)).rejects.toMatchObject({
      issues: [
        { path: 'elasticsearch.node' },
        {
          path: 'elasticsearch.auth.user',
          message: 'unknown key; accepted: apiKey, username, password, bearer',
        },
        { path: 'elasticsearch.auth' },
      ],
    });
  });
});
