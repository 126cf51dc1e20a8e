/** Turns the options that name a server into a section of the configuration. */
import { ConfigurationError, type ConfigurationIssue } from '../../engine/index.ts';
import type { ElasticsearchConnection, OpenSearchConnection } from '../config/index.ts';
import { check, serverSchemas } from '../config/index.ts';
import type { ConnectionFlags } from './connection-options.ts';

/** A server as the configuration file would name it; exactly one key. */
export type ServerSection =
  | { readonly elasticsearch: ElasticsearchConnection; readonly opensearch?: undefined }
  | { readonly opensearch: OpenSearchConnection; readonly elasticsearch?: undefined };

/**
 * The server that the options name; `undefined` when they name none.
 *
 * @throws ConfigurationError listing every option that cannot be.
 */
export function serverOfFlags(flags: ConnectionFlags): ServerSection | undefined {
  const named = [flags.elasticsearch ?? flags.cloudId, flags.opensearch].filter((one) => one !== undefined);
  if (named.length === 0) return undefined;
  if (named.length > 1 || (flags.elasticsearch && flags.cloudId)) {
    throw usage([{ path: '', message: 'give one of --elasticsearch, --cloud-id and --opensearch' }]);
  }
  return flags.opensearch === undefined ? elasticsearchOf(flags) : openSearchOf(flags);
}

function elasticsearchOf(flags: ConnectionFlags): ServerSection {
  const foreign = Object.keys(flags).filter((key) => key.startsWith('aws'));
  const section = {
    node: flags.elasticsearch,
    cloudId: flags.cloudId,
    ...authOf(flags, ['apiKey', 'username', 'password', 'bearer']),
    ...tlsOf(flags),
    ...(flags.compatibleWith && { compatibleWith: Number(flags.compatibleWith) }),
  };
  const checked = check(serverSchemas.elasticsearch, defined(section));
  const issues = [
    ...toFlagIssues('elasticsearch', checked.issues),
    ...foreign.map((key) => only(key, '--opensearch')),
  ];
  if (issues.length > 0) throw usage(issues);
  return { elasticsearch: checked.value! };
}

function openSearchOf(flags: ConnectionFlags): ServerSection {
  const foreign = (['compatibleWith'] as const).filter((key) => flags[key] !== undefined);
  const aws = defined({ region: flags.awsRegion, service: flags.awsService, profile: flags.awsProfile });
  const section = {
    node: flags.opensearch,
    ...authOf(flags, ['apiKey', 'username', 'password', 'bearer']),
    ...tlsOf(flags),
    ...(Object.keys(aws).length > 0 && { aws }),
  };
  const checked = check(serverSchemas.opensearch, defined(section));
  const issues = [
    ...toFlagIssues('opensearch', checked.issues),
    ...foreign.map((key) => only(key, '--elasticsearch')),
  ];
  if (issues.length > 0) throw usage(issues);
  return { opensearch: checked.value! };
}

function authOf(
  flags: ConnectionFlags,
  keys: readonly ('apiKey' | 'username' | 'password' | 'bearer')[],
): object {
  const auth = defined(Object.fromEntries(keys.map((key) => [key, flags[key]])));
  return Object.keys(auth).length > 0 ? { auth } : {};
}

function tlsOf({ ca, cert, key, keyPassphrase: passphrase, insecure }: ConnectionFlags): object {
  const tls = defined({ ca, cert, key, passphrase, insecure });
  return Object.keys(tls).length > 0 ? { tls } : {};
}

function defined(section: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section).filter(([, value]) => value !== undefined));
}

const flagNames: Readonly<Record<string, string>> = {
  cloudId: '--cloud-id',
  compatibleWith: '--compatible-with',
  aws: '--aws-region',
  'aws.region': '--aws-region',
  'aws.service': '--aws-service',
  'aws.profile': '--aws-profile',
  'tls.ca': '--ca',
  'tls.cert': '--cert',
  'tls.key': '--key',
  'tls.passphrase': '--key-passphrase',
  'tls.insecure': '--insecure',
  auth: 'who asks',
  'auth.apiKey': '--api-key',
  'auth.username': '--username',
  'auth.password': '--password',
  'auth.bearer': '--bearer',
};

/** The flag for a path in a server's section of the configuration; `undefined` when there is none. */
export function connectionFlagOf(server: 'elasticsearch' | 'opensearch', path: string): string | undefined {
  return path === 'node' ? `--${server}` : flagNames[path];
}

function toFlagIssues(
  server: 'elasticsearch' | 'opensearch',
  issues: readonly ConfigurationIssue[] = [],
): ConfigurationIssue[] {
  return issues.map(({ path, message }) => ({ path: connectionFlagOf(server, path) ?? path, message }));
}

function only(key: string, server: string): ConfigurationIssue {
  const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return { path: flag, message: `is for ${server} only` };
}

function usage(issues: readonly ConfigurationIssue[]): ConfigurationError {
  return new ConfigurationError('Wrong options', issues);
}
