/** Options that name a server. */
import type { Command } from 'commander';
import {
  authOptions,
  awsOptions,
  connectionOptions,
  elasticsearchOnlyOptions,
  tlsOptions,
} from '../options/server-options.ts';
import { addFlags, Flag } from './flag.ts';

/** Values of the options that {@link addConnectionOptions} adds; all absent unless given. */
export interface ConnectionFlags {
  /** `--elasticsearch` */
  readonly elasticsearch?: string;
  /** `--opensearch` */
  readonly opensearch?: string;
  /** `--cloud-id` */
  readonly cloudId?: string;
  /** `--api-key` */
  readonly apiKey?: string;
  /** `--username` */
  readonly username?: string;
  /** `--password` */
  readonly password?: string;
  /** `--bearer` */
  readonly bearer?: string;
  /** `--ca` */
  readonly ca?: string;
  /** `--cert` */
  readonly cert?: string;
  /** `--key` */
  readonly key?: string;
  /** `--key-passphrase` */
  readonly keyPassphrase?: string;
  /** `--insecure` */
  readonly insecure?: boolean;
  /** `--compatible-with` */
  readonly compatibleWith?: string;
  /** `--aws-region` */
  readonly awsRegion?: string;
  /** `--aws-service` */
  readonly awsService?: string;
  /** `--aws-profile` */
  readonly awsProfile?: string;
}

/** Adds the options to a command. Secrets may come from the environment, where other users cannot read them. */
export function addConnectionOptions(command: Command): Command {
  const flags = [
    new Flag('--elasticsearch <url>', connectionOptions.node, {
      help: 'search this Elasticsearch',
      otherwise: '',
    }),
    new Flag('--opensearch <url>', connectionOptions.node, { help: 'search this OpenSearch' }),
    new Flag('--cloud-id <id>', elasticsearchOnlyOptions.cloudId, {
      help: 'search this deployment of Elastic Cloud',
    }),
    new Flag('--api-key <key>', authOptions.apiKey, { env: 'BLOCKRANK_API_KEY' }),
    new Flag('--username <name>', authOptions.username),
    new Flag('--password <password>', authOptions.password, { env: 'BLOCKRANK_PASSWORD' }),
    new Flag('--bearer <token>', authOptions.bearer, { env: 'BLOCKRANK_BEARER' }),
    new Flag('--ca <file>', tlsOptions.ca),
    new Flag('--cert <file>', tlsOptions.cert),
    new Flag('--key <file>', tlsOptions.key),
    new Flag('--key-passphrase <text>', tlsOptions.passphrase, { env: 'BLOCKRANK_KEY_PASSPHRASE' }),
    new Flag('--insecure', tlsOptions.insecure),
    new Flag('--compatible-with <version>', elasticsearchOnlyOptions.compatibleWith),
    new Flag('--aws-region <region>', awsOptions.region, {
      help: 'sign requests for AWS (OpenSearch); keys from the environment or a profile',
    }),
    new Flag('--aws-service <service>', awsOptions.service),
    new Flag('--aws-profile <name>', awsOptions.profile),
  ];
  return addFlags(command, flags, 'Server:');
}
