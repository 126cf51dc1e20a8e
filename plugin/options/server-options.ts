/** Options of the connection to a server: the sections `elasticsearch` and `opensearch`, and the same on the command line. */
import type { OptionTable } from './option.ts';

/** Keys of both sections. */
export const connectionOptions = {
  node: { type: 'text', otherwise: 'none', help: 'address, e.g. `https://search.example:9200`' },
  auth: { type: 'section', otherwise: 'nobody', help: 'who asks' },
  tls: { type: 'section', otherwise: "the system's certificates, checked", help: 'encryption' },
  maxRetries: {
    type: 'whole',
    min: 0,
    otherwise: "the client's, 3",
    help: 'how often a client tries again',
  },
  requestTimeoutMs: {
    type: 'number',
    above: 0,
    otherwise: "the client's, 30000",
    unit: 'milliseconds',
    help: 'time for one request',
  },
} as const;

/** Keys that Elasticsearch alone has. */
export const elasticsearchOnlyOptions = {
  cloudId: { type: 'text', otherwise: 'none', help: 'cloud id, as Elastic Cloud shows it' },
  compatibleWith: {
    type: 'choice',
    of: ['8', '9'],
    otherwise: "the client's",
    help: "the server's major version when it is older than the client's",
    note: '8 lets client 9 talk to a server 8',
  },
} as const;

const { node, auth, ...connection } = connectionOptions;
const { cloudId, compatibleWith } = elasticsearchOnlyOptions;

/** Keys of the section `elasticsearch`. */
export const elasticsearchOptions: OptionTable = { node, cloudId, auth, compatibleWith, ...connection };

/** Keys of the section `opensearch`. */
export const openSearchOptions: OptionTable = {
  node: { type: 'text', isRequired: true, help: node.help },
  auth,
  aws: { type: 'section', otherwise: 'not signed', help: 'sign requests for AWS' },
  ...connection,
};

/** Keys of the sections `auth`: one of `apiKey` (Elasticsearch alone), `bearer`, and `username` with `password`. */
export const authOptions = {
  apiKey: { type: 'text', help: 'Elasticsearch API key, encoded or id:key' },
  username: { type: 'text', help: 'user for basic authentication' },
  password: { type: 'text', help: 'password for basic authentication' },
  bearer: { type: 'text', help: 'bearer token' },
} as const;

/** Keys of the sections `tls` of a server. */
export const tlsOptions = {
  ca: {
    type: 'text',
    otherwise: "the system's",
    help: "file with certificates (PEM) that may have signed the server's",
  },
  cert: {
    type: 'text',
    otherwise: 'none',
    help: "file with the client's certificate (PEM)",
    note: 'needs `key`',
  },
  key: {
    type: 'text',
    otherwise: 'none',
    help: "file with the client's private key (PEM)",
    note: 'needs `cert`',
  },
  passphrase: {
    type: 'text',
    mayBeEmpty: true,
    otherwise: 'none',
    help: 'what the private key is encrypted with',
  },
  insecure: {
    type: 'switch',
    default: false,
    help: "do not check the server's certificate (warns)",
  },
} as const;

/** Keys of the section `opensearch.aws`. */
export const awsOptions = {
  region: { type: 'text', isRequired: true, help: 'the region, e.g. `eu-central-1`' },
  service: {
    type: 'choice',
    of: ['es', 'aoss'],
    default: 'es',
    help: '`es` for OpenSearch Service, `aoss` for OpenSearch Serverless',
  },
  profile: {
    type: 'text',
    otherwise: '`AWS_PROFILE`',
    help: 'profile of the shared AWS credentials file',
    note: '`AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`',
  },
  accessKeyId: { type: 'text', otherwise: 'none', help: 'static credentials; needs `secretAccessKey`' },
  secretAccessKey: { type: 'text', otherwise: 'none', help: 'static credentials; needs `accessKeyId`' },
  sessionToken: { type: 'text', otherwise: 'none', help: 'session token of temporary static credentials' },
} as const;
