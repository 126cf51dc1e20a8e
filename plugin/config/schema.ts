/**
 * The configuration file's keys, with their defaults: the one place where they are documented.
 * Relative paths are read from the folder of the file.
 */
import { z } from 'zod';
import type { DiversityOptions, OrderLimitOptions, SignalOptions } from '../../engine/index.ts';
import { orderStepSchemas } from '../options/checked-by.ts';
import { indexOptions } from '../options/index-options.ts';
import {
  awsOptions,
  elasticsearchOptions,
  openSearchOptions,
  tlsOptions,
} from '../options/server-options.ts';
import {
  breakerOptions,
  duplicateOptions,
  passageOptions,
  smoothingOptions,
  stageCacheOptions,
  stageOptions,
} from '../options/stage-options.ts';
import { type ProxyConfig, proxySection } from './proxy-schema.ts';
import { type RerankerConfig, rerankerSection } from './reranker-schema.ts';
import { falseOr, section, sectionOf } from './sections.ts';
import { type ServiceConfig, serviceSection } from './service-schema.ts';
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

/** Bounds of the rankings that a stage remembers. */
export interface StageCacheConfig {
  /** Lists remembered at most, at least 1. @defaultValue 1000 */
  readonly maxEntries?: number | undefined;
  /** How long a list's order is remembered, in milliseconds, above 0. @defaultValue 300000 */
  readonly ttlMs?: number | undefined;
}

/** When a stage leaves a failing reranker alone. */
export interface StageBreakerConfig {
  /** Failures in a row that open it, at least 1. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** How long it stays open, in milliseconds, above 0. @defaultValue 5000 */
  readonly halfOpenAfterMs?: number | undefined;
}

/** A continuous conditional random field over the list. */
export interface SmoothingConfig {
  /** Weight of an edge of similarity 1, beside what model and first stage say, which weighs 1, at least 0. `blockrank smoothing` learns it. */
  readonly edgeWeight: number;
  /** The share of the first stage in what the two say, for lexical first stages, 0 to 1. @defaultValue 0.2 */
  readonly firstStageWeight?: number | undefined;
  /** Nearest documents of each one that it has edges to, at least 1. @defaultValue 10 */
  readonly neighbours?: number | undefined;
  /** What tells that documents are alike: token averages, or what the model keeps of each document. @defaultValue 'embeddings' */
  readonly edges?: 'embeddings' | 'anchors' | undefined;
  /** Iterations of mean field; 0 is the exact solution, at least 0. @defaultValue 0 */
  readonly iterations?: number | undefined;
}

/** What happens to near-duplicates of a list. */
export interface DuplicatesConfig {
  /** Cosine of token averages from which two texts are near-duplicates, above 0, at most 1. @defaultValue 0.99 */
  readonly cosine?: number | undefined;
  /** Where near-duplicates stand: under the one that is read in their place, or below all others. @defaultValue 'under' */
  readonly placement?: 'under' | 'last' | undefined;
}

/** Which sentences of a hit are given back beside it. */
export interface PassagesConfig {
  /** Passages of one hit at most, at least 1. With `maxTotalTokens` any number. @defaultValue 2 */
  readonly perHit?: number | undefined;
  /** Tokens of one passage at most, at least 1. A longer sentence is cut into windows, the heaviest first. @defaultValue 60 */
  readonly maxTokens?: number | undefined;
  /** Tokens of all passages of an answer at most, at least 1. @defaultValue no limit */
  readonly maxTotalTokens?: number | undefined;
}

/** The rescoring stage. Each default is the one of `rescoringStage`. */
export interface StageConfig {
  /** How many leading hits are reranked, at least 1. @defaultValue 100 */
  readonly rankWindowSize?: number | undefined;
  /** Hits given back at most, at least 1. @defaultValue all */
  readonly topN?: number | undefined;
  /** Smallest calibrated score given back, 0 to 1. @defaultValue any */
  readonly minScore?: number | undefined;
  /** Time for search and reranking together, in milliseconds, above 0. `blockrank proxy` takes 10000 unless it is told another. @defaultValue no limit */
  readonly deadlineMs?: number | undefined;
  /** Time in which documents are read; what was read by then is ranked (share of the time left, above 0, at most 1). `false`: a list that cannot be read in time keeps its first-stage order. @defaultValue 0.85 */
  readonly readingShare?: false | number | undefined;
  /** Whether lists in a language that the model does not read keep the first stage's order. The reason is `language`. @defaultValue true */
  readonly languageGuard?: boolean | undefined;
  /** What happens when reranking fails. @defaultValue 'keep-first-stage' */
  readonly onFailure?: 'keep-first-stage' | 'throw' | undefined;
  /** Whether every hit gets an explanation. What the query looked at, by place in the text. @defaultValue false */
  readonly explain?: boolean | undefined;
  /** Whether every hit gets its best sentences. `false` for none. @defaultValue false */
  readonly passages?: false | PassagesConfig | undefined;
  /** Rankings remembered. `false` for none. @defaultValue maxEntries 1000, ttlMs 300000 */
  readonly cache?: false | StageCacheConfig | undefined;
  /** Leaves a failing reranker alone for a while. `false` for none. @defaultValue consecutiveFailures 5, halfOpenAfterMs 5000 */
  readonly breaker?: false | StageBreakerConfig | undefined;
  /** Weight of the first stage's score, for lexical first stages, 0 to 1. `false` for none. @defaultValue the model's, 0.2 */
  readonly fusion?: false | number | undefined;
  /** Lets documents that are alike have scores that are alike, in place of fusion. `false` for none. @defaultValue false */
  readonly smoothing?: false | SmoothingConfig | undefined;
  /** Reads near-duplicates once, and puts them below the one that was read. `false` for none. @defaultValue false */
  readonly duplicates?: false | DuplicatesConfig | undefined;
  /** Rules about fields that the model does not read: age, distance, price, stock, pins, caps. @defaultValue none */
  readonly signals?: readonly SignalOptions[] | undefined;
  /** Lets the first ranks hold documents that differ. `false` for none. @defaultValue false */
  readonly diversify?: false | DiversityOptions | undefined;
  /** How far hits may be pushed down that the first stage was right to put first. `false` for none. @defaultValue false */
  readonly orderLimits?: false | OrderLimitOptions | undefined;
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

/** Makes a check run beside the others, so that one error tells every problem. */
const always = {
  when: ({ value }: { readonly value: unknown }) => typeof value === 'object' && value !== null,
};

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

const stage = sectionOf(stageOptions, {
  passages: falseOr(sectionOf(passageOptions)),
  cache: falseOr(sectionOf(stageCacheOptions)),
  breaker: falseOr(sectionOf(breakerOptions)),
  fusion: z.union([z.literal(false), z.number().min(0).max(1)], {
    error: 'expected false, or a number in [0, 1]',
  }),
  smoothing: falseOr(sectionOf(smoothingOptions)),
  duplicates: falseOr(sectionOf(duplicateOptions)),
  ...orderStepSchemas,
}).refine(({ fusion, smoothing }) => !(smoothing && typeof fusion === 'number'), {
  ...always,
  error:
    'expected fusion or smoothing, not both: smoothing has the share of the first stage as firstStageWeight',
}) as z.ZodType<StageConfig>;

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
  stage: stage.default({}),
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
