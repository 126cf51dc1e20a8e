/** Options that name a server. */
import { type Command, Option } from 'commander';

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
  const options = [
    new Option('--elasticsearch <url>', 'search this Elasticsearch'),
    new Option('--opensearch <url>', 'search this OpenSearch'),
    new Option('--cloud-id <id>', 'search this deployment of Elastic Cloud'),
    new Option('--api-key <key>', 'Elasticsearch API key, encoded or id:key').env('BLOCKRANK_API_KEY'),
    new Option('--username <name>', 'user for basic authentication'),
    new Option('--password <password>', 'password for basic authentication').env('BLOCKRANK_PASSWORD'),
    new Option('--bearer <token>', 'bearer token').env('BLOCKRANK_BEARER'),
    new Option('--ca <file>', "certificates (PEM) that may have signed the server's"),
    new Option('--cert <file>', "client's certificate (PEM)"),
    new Option('--key <file>', "client's private key (PEM)"),
    new Option('--key-passphrase <text>', 'what the private key is encrypted with').env(
      'BLOCKRANK_KEY_PASSPHRASE',
    ),
    new Option('--insecure', "do not check the server's certificate (warns)"),
    new Option('--compatible-with <version>', 'major version of an older Elasticsearch').choices(['8', '9']),
    new Option(
      '--aws-region <region>',
      'sign requests for AWS (OpenSearch); keys from the environment or a profile',
    ),
    new Option('--aws-service <service>', 'es, or aoss for Serverless').choices(['es', 'aoss']),
    new Option('--aws-profile <name>', 'profile of the shared AWS credentials file'),
  ];
  for (const option of options) command.addOption(option.helpGroup('Server:'));
  return command;
}
