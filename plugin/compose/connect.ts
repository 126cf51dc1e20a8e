/**
 * Turns connection options into client objects. The clients are optional peers, so a client's package is imported when
 * it is needed; an application that has a client object injects it into the adapter and needs nothing from this file.
 */
// biome-ignore lint/suspicious/noTsIgnore: the client is an optional peer; where it is absent, its types are any.
/** @ts-ignore */
import type { Client as ElasticsearchClient, UndiciConnection } from '@elastic/elasticsearch';
// biome-ignore lint/suspicious/noTsIgnore: the client is an optional peer; where it is absent, its types are any.
/** @ts-ignore */
import type {
  Client as OpenSearchClient,
  ClientOptions as OpenSearchOptions,
} from '@opensearch-project/opensearch';
import { ConfigurationError, type ConfigurationIssue } from '../../engine/index.ts';
import type { Environment } from '../config/environment.ts';
import { check } from '../config/issues.ts';
import {
  type AwsSigning,
  type ElasticsearchConnection,
  type OpenSearchConnection,
  type ServerAuth,
  type ServerTls,
  serverSchemas,
} from '../config/schema.ts';
import { awsCredentials } from './aws-credentials.ts';
import { certificateConnection } from './certificate-connection.ts';
import { importClient, type PackageContext } from './import-client.ts';
import { readPemFiles } from './pem-files.ts';

type ElasticsearchOptions = ConstructorParameters<typeof ElasticsearchClient>[0];

/** The surroundings that connecting needs. */
export interface ConnectContext extends PackageContext {
  /** Environment variables, for AWS credentials. */
  readonly env: Environment;
  /** Called with warnings for the operator, for instance that certificates are not checked. */
  readonly onWarning: (message: string) => void;
}

/**
 * Opens a client of Elasticsearch. Sends nothing yet.
 *
 * @throws ConfigurationError for impossible options, files that cannot be read, and when the client's package is
 * missing.
 */
export async function connectElasticsearch(
  options: ElasticsearchConnection,
  context: ConnectContext,
): Promise<ElasticsearchClient> {
  const { node, cloudId, auth, compatibleWith, maxRetries, requestTimeoutMs } = checked(
    'elasticsearch',
    options,
  );
  const { Client, UndiciConnection: Base } = await importClient<{
    Client: typeof ElasticsearchClient;
    UndiciConnection: typeof UndiciConnection;
  }>(context, '@elastic/elasticsearch', 'elasticsearchAdapter({ client })');
  const tls = await readTls(options.tls, context, 'elasticsearch');
  const mediaType = `application/vnd.elasticsearch+json; compatible-with=${compatibleWith}`;
  const settings: ElasticsearchOptions = {
    Connection: certificateConnection(Base),
    ...(node !== undefined && { node }),
    ...(cloudId !== undefined && { cloud: { id: cloudId } }),
    ...(auth && { auth: toElasticsearchAuth(auth) }),
    ...(tls && { tls }),
    ...(compatibleWith && { headers: { accept: mediaType, 'content-type': mediaType } }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(requestTimeoutMs !== undefined && { requestTimeout: requestTimeoutMs }),
  };
  return new Client(settings);
}

/**
 * Opens a client of OpenSearch. Sends nothing yet.
 *
 * @throws ConfigurationError for impossible options, files that cannot be read, missing AWS credentials, and when the
 * client's package is missing.
 */
export async function connectOpenSearch(
  options: OpenSearchConnection,
  context: ConnectContext,
): Promise<OpenSearchClient> {
  const { node, auth, aws, maxRetries, requestTimeoutMs } = checked('opensearch', options);
  const { Client } = await importClient<{ Client: typeof OpenSearchClient }>(
    context,
    '@opensearch-project/opensearch',
    'opensearchAdapter({ client })',
  );
  const ssl = await readTls(options.tls, context, 'opensearch');
  const settings: OpenSearchOptions = {
    node,
    ...(auth && 'username' in auth && { auth: { username: auth.username, password: auth.password } }),
    ...(auth && 'bearer' in auth && { headers: { authorization: `Bearer ${auth.bearer}` } }),
    ...(aws && (await signer(aws, context))),
    ...(ssl && { ssl }),
    ...(maxRetries !== undefined && { maxRetries }),
    ...(requestTimeoutMs !== undefined && { requestTimeout: requestTimeoutMs }),
  };
  return new Client(settings);
}

function checked<Name extends 'elasticsearch' | 'opensearch'>(
  name: Name,
  options: unknown,
): Name extends 'elasticsearch' ? ElasticsearchConnection : OpenSearchConnection {
  const result = check<ElasticsearchConnection | OpenSearchConnection>(serverSchemas[name], options, [name]);
  if (result.issues) throw new ConfigurationError('Cannot connect', result.issues);
  return result.value as ReturnType<typeof checked<Name>>;
}

/** An encoded key has no colon, so one with a colon is `id:key`. */
function toElasticsearchAuth(auth: ServerAuth): NonNullable<ElasticsearchOptions['auth']> {
  if (!('apiKey' in auth)) return auth;
  const colon = auth.apiKey.indexOf(':');
  if (colon < 0) return { apiKey: auth.apiKey };
  return { apiKey: { id: auth.apiKey.slice(0, colon), api_key: auth.apiKey.slice(colon + 1) } };
}

interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly rejectUnauthorized?: false;
}

async function readTls(
  tls: ServerTls | undefined,
  { onWarning }: ConnectContext,
  server: string,
): Promise<TlsFiles | undefined> {
  if (!tls) return undefined;
  const issues: ConfigurationIssue[] = [];
  const { ca, cert, key } = tls;
  const files = await readPemFiles(`${server}.tls`, { ca, cert, key }, issues);
  if (issues.length > 0) throw new ConfigurationError('Cannot connect', issues);
  if (tls.insecure) {
    onWarning(
      'The server\'s certificate is not checked ("insecure"): anyone in between can read and change everything.',
    );
  }
  return {
    ...files,
    ...(tls.passphrase !== undefined && { passphrase: tls.passphrase }),
    ...(tls.insecure && { rejectUnauthorized: false as const }),
  };
}

type Signer = typeof import('@opensearch-project/opensearch/aws');
/** The client's own declaration wants the old SDK's `Credentials`; the signer reads the three keys alone. */
type SignerOptions = Parameters<Signer['AwsSigv4Signer']>[0];

async function signer(aws: AwsSigning, context: ConnectContext): Promise<Partial<OpenSearchOptions>> {
  const name = '@opensearch-project/opensearch/aws';
  const { AwsSigv4Signer } = await importClient<Signer>(context, name, 'opensearchAdapter({ client })');
  const getCredentials = (await awsCredentials(
    aws,
    context.env,
    context.importPackage ?? ((from) => import(from)),
  )) as SignerOptions['getCredentials'];
  const { Connection, Transport } = AwsSigv4Signer({
    region: aws.region,
    service: aws.service ?? 'es',
    ...(getCredentials && { getCredentials }),
  });
  return { Connection, Transport };
}
