/**
 * The configuration file's keys, with their defaults: the one place where they are documented.
 * Relative paths are read from the folder of the file.
 */
import { z } from 'zod';
import { indexOptions } from '../options/index-options.ts';
import {
  awsOptions,
  elasticsearchOptions,
  openSearchOptions,
  tlsOptions,
} from '../options/server-options.ts';
import { type ProxyConfig, proxySection } from './proxy-schema.ts';
import { type RerankerConfig, rerankerSection } from './reranker-schema.ts';
import { always, section, sectionOf } from './sections.ts';
import { type ServiceConfig, serviceSection } from './service-schema.ts';
import { type StageConfig, stageSection } from './stage-schema.ts';
import { type StatesConfig, statesSection } from './stored-states.ts';

/** An API key. */
export interface ApiKeyAuth {
  /** The encoded form that the server shows, or `id:key`. */
  readonly apiKey: string;
}

/** A user. */
export interface UserAuth {
  /** Their name. */
  readonly username: string;
  /** Their password. */
  readonly password: string;
}

/** A token, for instance of a service account. */
export interface BearerAuth {
  /** The token. */
  readonly bearer: string;
}

/** How a client proves who it is. */
export type ServerAuth = ApiKeyAuth | UserAuth | BearerAuth;

/** How a client of OpenSearch proves who it is. */
export type OpenSearchAuth = UserAuth | BearerAuth;

/** Encryption of the connection. */
export interface ServerTls {
  /** File with certificates (PEM) that may have signed the server's. @defaultValue the system's */
  readonly ca?: string | undefined;
  /** File with the client's certificate (PEM). Needs `key`. @defaultValue none */
  readonly cert?: string | undefined;
  /** File with the client's private key (PEM). Needs `cert`. @defaultValue none */
  readonly key?: string | undefined;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
  /** Do not check the server's certificate (warns). @defaultValue false */
  readonly insecure?: boolean | undefined;
}

/** AWS signatures (SigV4). Credentials: the keys given here, else `profile`, else the environment, else the SDK's own search. */
export interface AwsSigning {
  /** The region, e.g. `eu-central-1`. */
  readonly region: string;
  /** `es` for OpenSearch Service, `aoss` for OpenSearch Serverless. @defaultValue 'es' */
  readonly service?: 'es' | 'aoss' | undefined;
  /** Profile of the shared AWS credentials file. `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`. @defaultValue `AWS_PROFILE` */
  readonly profile?: string | undefined;
  /** Static credentials; needs `secretAccessKey`. @defaultValue none */
  readonly accessKeyId?: string | undefined;
  /** Static credentials; needs `accessKeyId`. @defaultValue none */
  readonly secretAccessKey?: string | undefined;
  /** Session token of temporary static credentials. @defaultValue none */
  readonly sessionToken?: string | undefined;
}

interface ServerConnection {
  /** Encryption. @defaultValue the system's certificates, checked */
  readonly tls?: ServerTls | undefined;
  /** How often a client tries again, 0 or more. @defaultValue the client's, 3 */
  readonly maxRetries?: number | undefined;
  /** Time for one request, in milliseconds. @defaultValue the client's, 30000 */
  readonly requestTimeoutMs?: number | undefined;
}

/** Connection to Elasticsearch. Exactly one of `node` and `cloudId`. */
export interface ElasticsearchConnection extends ServerConnection {
  /** Address, e.g. `https://search.example:9200`. */
  readonly node?: string | undefined;
  /** Cloud id, as Elastic Cloud shows it. */
  readonly cloudId?: string | undefined;
  /** Who asks. @defaultValue nobody */
  readonly auth?: ServerAuth | undefined;
  /** The server's major version when it is older than the client's: 8 lets client 9 talk to a server 8. @defaultValue the client's */
  readonly compatibleWith?: 8 | 9 | undefined;
}

/** Connection to OpenSearch. At most one of `auth` and `aws`. */
export interface OpenSearchConnection extends ServerConnection {
  /** Address, e.g. `https://search.example:9200`. */
  readonly node: string;
  /** Who asks: `username` and `password`, or `bearer`. @defaultValue nobody */
  readonly auth?: OpenSearchAuth | undefined;
  /** Sign requests for AWS. @defaultValue not signed */
  readonly aws?: AwsSigning | undefined;
}

/** A field that is scored by itself. */
export interface ApartFieldConfig {
  /** Its dotted path; `inner_hits.NAME.FIELD` reads inner hits. */
  readonly name: string;
  /** How often its mass counts, above 0. @defaultValue 1 */
  readonly weight?: number | undefined;
  /** Whether each of its values is scored by itself. @defaultValue false */
  readonly each?: boolean | undefined;
}

/** What is searched. */
export interface IndexConfig {
  /** Index, alias, data stream, or several joined by commas. */
  readonly name: string;
  /** Fields that the model reads, in this order. */
  readonly textFields: readonly string[];
  /** What stands between two fields that have text. @defaultValue ' ' */
  readonly separator?: string | undefined;
  /** Whether a field's text is its highlight fragments, where a hit has some. @defaultValue false */
  readonly highlight?: boolean | undefined;
  /** Smallest `index.max_result_window` of these indices: no window is fetched beyond it (at least 1). @defaultValue 10000 */
  readonly maxResultWindow?: number | undefined;
  /** Fields that score steps look at and the model does not read. Fetched with the hits. @defaultValue none */
  readonly signals?: readonly string[] | undefined;
  /** Fields that are scored by themselves, of which the best counts. `title^2` counts twice, `reviews[]` scores each value, `{ name, weight, each }` says the same. @defaultValue none: `textFields` are one text */
  readonly fieldsApart?: readonly (string | ApartFieldConfig)[] | undefined;
  /** What the CLI's own query searches. Boosts as in `title^2`. @defaultValue `textFields` */
  readonly queryFields?: readonly string[] | undefined;
  /** Where the block states of the documents lie. @defaultValue none are asked for */
  readonly states?: StatesConfig | undefined;
}

/** A checked configuration file. Exactly one of `elasticsearch` and `opensearch`. */
export interface BlockRankConfig {
  /** The server, when it is Elasticsearch. */
  readonly elasticsearch?: ElasticsearchConnection | undefined;
  /** The server, when it is OpenSearch. */
  readonly opensearch?: OpenSearchConnection | undefined;
  /** What is searched. */
  readonly index: IndexConfig;
  /** The reranker. @defaultValue `{}` */
  readonly reranker: RerankerConfig;
  /** The rescoring stage. @defaultValue `{}` */
  readonly stage: StageConfig;
  /** The HTTP service. @defaultValue `{}` */
  readonly service?: ServiceConfig | undefined;
  /** The reverse proxy. @defaultValue `{}` */
  readonly proxy?: ProxyConfig | undefined;
}

/** What `blockrank serve` reads of the same file; a search server and an index may stand there or not. */
export interface ServeConfig {
  /** The reranker. @defaultValue `{}` */
  readonly reranker: RerankerConfig;
  /** The HTTP service. @defaultValue `{}` */
  readonly service: ServiceConfig;
}

/** A field by its own name; a pattern would fetch unknown fields. */
const fieldName = z
  .string()
  .min(1)
  .regex(/^[^*]+$/, { error: 'expected the name of a field, without "*"' });
const address = z.url({
  protocol: /^https?$/,
  error: 'expected an address such as https://search.example:9200',
});

const tls = together(sectionOf(tlsOptions), 'cert', 'key');
const aws = together(sectionOf(awsOptions), 'accessKeyId', 'secretAccessKey');

/** A union of ways to authenticate, told apart by their keys. */
function auth(forms: readonly (readonly string[])[]): z.ZodType {
  const wanted = `expected ${forms.map((keys) => keys.join(' and ')).join(', or ')}`;
  const shape = Object.fromEntries(forms.flat().map((key) => [key, z.string().min(1).optional()]));
  return section(shape).refine(
    (value) =>
      forms.some((keys) => Object.keys(value).length === keys.length && keys.every((key) => key in value)),
    { error: wanted },
  );
}

const basic = ['username', 'password'] as const;
const elasticsearch = exactlyOne(
  sectionOf(elasticsearchOptions, {
    node: address,
    cloudId: z.string().regex(/^[^:]*:[A-Za-z0-9+/=]+$/, 'expected a cloud id, name:base64'),
    auth: auth([['apiKey'], basic, ['bearer']]),
    compatibleWith: z.union([z.literal(8), z.literal(9)], { error: 'expected 8 or 9' }),
    tls,
  }),
  'node',
  'cloudId',
) as z.ZodType<ElasticsearchConnection>;

const opensearch = sectionOf(openSearchOptions, {
  node: address,
  auth: auth([basic, ['bearer']]),
  aws,
  tls,
}).refine(({ auth: who, aws: signing }) => !(who && signing), {
  ...always,
  error: 'expected auth or aws, not both',
}) as unknown as z.ZodType<OpenSearchConnection>;

const fieldApart = z.union([
  z.string().regex(/^[^*^[\]]+(\[\])?(\^(?=[\d.]*[1-9])\d*\.?\d+)?$/, {
    error: 'expected the name of a field, such as title^2 or reviews[]',
  }),
  section({ name: fieldName, weight: z.number().positive().optional(), each: z.boolean().optional() }),
]);
const index = sectionOf(indexOptions, {
  signals: z.array(fieldName),
  fieldsApart: z.array(fieldApart),
  states: statesSection,
}).refine(({ highlight, states }) => !(highlight && states), {
  ...always,
  error: 'expected highlight or states, not both: states are of whole texts',
}) as unknown as z.ZodType<IndexConfig>;

const servers = { elasticsearch: elasticsearch.optional(), opensearch: opensearch.optional() };
const ranking = {
  reranker: rerankerSection.default({}),
  stage: stageSection.default({}),
};

/** The schema of the whole file, for searching. */
export const configSchema: z.ZodType<BlockRankConfig> = exactlyOne(
  section({
    ...servers,
    index,
    ...ranking,
    service: serviceSection.optional(),
    proxy: proxySection.optional(),
  }),
  'elasticsearch',
  'opensearch',
);

/** The schema of the whole file, for the service. */
export const serveConfigSchema: z.ZodType<ServeConfig> = section({
  ...servers,
  index: index.optional(),
  ...ranking,
  service: serviceSection.default({}),
  proxy: proxySection.optional(),
});

/** Sections by themselves, for options that come from the command line. */
export const serverSchemas: {
  /** Schema of the section `elasticsearch`. */
  readonly elasticsearch: z.ZodType<ElasticsearchConnection>;
  /** Schema of the section `opensearch`. */
  readonly opensearch: z.ZodType<OpenSearchConnection>;
} = { elasticsearch, opensearch };

/** Checks that a section has all of these keys or none. */
function together<Section extends z.ZodObject>(of: Section, one: string, other: string): Section {
  const beside = (given: string, missing: string, to: Section): Section =>
    to.refine((value) => !(given in value) || missing in value, {
      ...always,
      path: [missing],
      error: `required beside ${given}`,
    });
  return beside(one, other, beside(other, one, of));
}

/** Checks that a section has exactly one of these keys. */
function exactlyOne<Section extends z.ZodObject>(of: Section, one: string, other: string): Section {
  return of.refine((value) => one in value !== other in value, {
    ...always,
    error: `expected exactly one of ${one} and ${other}`,
  });
}
