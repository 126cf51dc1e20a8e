/** Keys of the sections `service` and `reranker`'s relatives: what `blockrank serve` reads. */
import { z } from 'zod';
import type { DiversityOptions, OrderLimitOptions, SignalOptions } from '../../engine/index.ts';
import { orderStepSchemas } from '../options/checked-by.ts';
import {
  serviceCacheOptions,
  serviceKeyOptions,
  serviceLogOptions,
  serviceOptions,
  serviceTlsOptions,
} from '../options/service-options.ts';
import { breakerOptions } from '../options/stage-options.ts';
import { type RemoteConfig, remoteSection } from './remote-schema.ts';
import { type RerankerConfig, rerankerSection } from './reranker-schema.ts';
import { falseOr, section, sectionOf } from './sections.ts';

/** Somebody who may ask; exactly one of `key` and `sha256`. */
export interface ServiceKeyConfig {
  /** Who it is: names limits, cache entries, log lines. Several keys may name one tenant. */
  readonly tenant: string;
  /** The key itself; best written as `${NAME}`. Hashed as soon as it is read. @defaultValue none */
  readonly key?: string | undefined;
  /** SHA-256 of the key, hexadecimal, as `blockrank key` prints it. @defaultValue none */
  readonly sha256?: string | undefined;
  /** Models that this tenant may ask for. @defaultValue all */
  readonly models?: readonly string[] | undefined;
  /** Requests a minute, at least 1. @defaultValue no limit */
  readonly requestsPerMinute?: number | undefined;
  /** Requests in hand at once, queued ones among them, at least 1. @defaultValue no limit */
  readonly maxConcurrent?: number | undefined;
}

/** One member of a chain; exactly one of `local` and `remote`. */
export interface ChainMember {
  /** A model on this machine: the keys of `reranker`. */
  readonly local?: RerankerConfig | undefined;
  /** Somebody else's service. */
  readonly remote?: RemoteConfig | undefined;
}

/** A model as requests name it. */
export interface ServedModelConfig {
  /** The section `reranker` with this residual, in place of a chain. Models that differ in it alone share workers and weights. @defaultValue none */
  readonly residual?: string | undefined;
  /** Who is asked, in this order: the next one when one fails. @defaultValue `[{ local: <the section reranker> }]` */
  readonly chain?: readonly ChainMember[] | undefined;
  /** Other names of it; `*` stands for any characters. @defaultValue none */
  readonly aliases?: readonly string[] | undefined;
  /** Leaves a failing member alone for a while; `false`: never. @defaultValue consecutiveFailures 5, halfOpenAfterMs 5000 */
  readonly breaker?: false | BreakerConfig | undefined;
  /** A reranker that is measured beside the chain and never served. @defaultValue none */
  readonly shadow?: ShadowConfig | undefined;
}

/** When a member is left alone. */
export interface BreakerConfig {
  /** Failures in a row that open it, at least 1. @defaultValue 5 */
  readonly consecutiveFailures?: number | undefined;
  /** How long it stays open, in milliseconds, above 0. @defaultValue 5000 */
  readonly halfOpenAfterMs?: number | undefined;
}

/** Who is measured beside what is served. */
export interface ShadowConfig extends ChainMember {
  /** Share of the lists that it sees, in [0, 1]. @defaultValue 1 */
  readonly share?: number | undefined;
}

/** Bounds of the result cache. */
export interface ServiceCacheConfig {
  /** Answers remembered at most, at least 1. @defaultValue 10000 */
  readonly maxEntries?: number | undefined;
  /** Candidates in all of them together at most, at least 1. Each takes about 200 bytes; an explanation counts one for each place that it names. @defaultValue 500000 */
  readonly maxCandidates?: number | undefined;
  /** How long an answer is remembered, in milliseconds, above 0. @defaultValue 300000 */
  readonly ttlMs?: number | undefined;
}

/** Encryption of the service's own listener. */
export interface ServiceTls {
  /** File with the certificate chain (PEM). */
  readonly cert: string;
  /** File with the private key (PEM). */
  readonly key: string;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
  /** File with certificates (PEM); clients must show one that they signed. @defaultValue clients show none */
  readonly clientCa?: string | undefined;
}

/** The HTTP service. */
export interface ServiceConfig {
  /** Address to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port to listen on; 0 for any free one (0 to 65535). @defaultValue 8080 */
  readonly port?: number | undefined;
  /** Encryption of the service's own listener. @defaultValue none */
  readonly tls?: ServiceTls | undefined;
  /** Who may ask. @defaultValue everybody who can reach the port */
  readonly keys?: readonly ServiceKeyConfig[] | undefined;
  /** Models by name; the first answers requests that name none. @defaultValue `blockrank`, by the section `reranker` */
  readonly models?: Readonly<Record<string, ServedModelConfig>> | undefined;
  /** Origins whose pages may ask from a browser. @defaultValue none */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Bytes of one request, unpacked, at least 1. 413 above. @defaultValue 10485760 (10 MiB) */
  readonly maxBodyBytes?: number | undefined;
  /** Bytes of all requests in hand together, unpacked, at least 1. 503 above. @defaultValue 268435456 (256 MiB); `maxBodyBytes` where that is more */
  readonly maxHeldBytes?: number | undefined;
  /** Documents of one request, 1 to 100000. 400, TEI 413, above. @defaultValue 1000 */
  readonly maxDocuments?: number | undefined;
  /** Tokens of one request before caps cut any away, at least 1. 400, Jina 422, TEI 413, above. @defaultValue no limit */
  readonly maxTokens?: number | undefined;
  /** Requests that are ranked at once, at least 1. @defaultValue 8 */
  readonly maxConcurrent?: number | undefined;
  /** Requests that wait for their turn. 503 (TEI 429) above, with `Retry-After`. @defaultValue 256 */
  readonly maxQueue?: number | undefined;
  /** Longest time of one request; a request's own deadline may be shorter (in milliseconds, above 0). 503 after it. @defaultValue 30000 */
  readonly deadlineMs?: number | undefined;
  /** Time in which documents are read; what was read by then is ranked (share of the time left, above 0, at most 1). `false`: a list that cannot be read in time gets a 503. @defaultValue 0.85 */
  readonly readingShare?: false | number | undefined;
  /** Rules about fields that the model does not read: age, distance, price, stock, pins, caps. The native form's documents bring them. @defaultValue none */
  readonly signals?: readonly SignalOptions[] | undefined;
  /** Lets the first ranks hold documents that differ. `false` for none. @defaultValue false */
  readonly diversify?: false | DiversityOptions | undefined;
  /** How far hits may be pushed down that the first stage was right to put first. The order of the request is the first stage's. `false` for none. @defaultValue false */
  readonly orderLimits?: false | OrderLimitOptions | undefined;
  /** Whether lists in a language that the model does not read keep the request's order. Every form: `x-blockrank-reranked: false`; the native one names the reason `language`. @defaultValue true */
  readonly languageGuard?: boolean | undefined;
  /** Time for a request's headers and body to arrive, in milliseconds, above 0. 408 after it. @defaultValue 30000 */
  readonly receiveTimeoutMs?: number | undefined;
  /** Time in which a caller has to read something of its answer, in milliseconds, above 0. Then it is cut off. @defaultValue 30000 */
  readonly sendTimeoutMs?: number | undefined;
  /** Time that requests in hand get when the service is asked to end, in milliseconds. @defaultValue 25000 */
  readonly drainMs?: number | undefined;
  /** How long the service says that it is not ready before it stops listening, in milliseconds. @defaultValue 0 */
  readonly drainDelayMs?: number | undefined;
  /** Answers remembered. `false` for none. @defaultValue maxEntries 10000, maxCandidates 500000, ttlMs 300000 */
  readonly cache?: false | ServiceCacheConfig | undefined;
  /** Log lines. @defaultValue level `info`, without texts */
  readonly log?: ServiceLogConfig | undefined;
  /** File that gets one line of JSON for every ranking, in the form of OpenSearch's User Behavior Insights. @defaultValue none */
  readonly queryLog?: string | undefined;
}

/** Log lines of the service. */
export interface ServiceLogConfig {
  /** Least level that is written. @defaultValue 'info' */
  readonly level?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' | undefined;
  /** Whether queries and documents may stand in log lines. @defaultValue false */
  readonly texts?: boolean | undefined;
}

const breaker = falseOr(sectionOf(breakerOptions));

const exactlyOne = (of: z.ZodObject, one: string, other: string): z.ZodType =>
  of.refine((value) => one in value !== other in value, {
    error: `expected exactly one of ${one} and ${other}`,
    when: ({ value }) => typeof value === 'object' && value !== null,
  });

const member = { local: rerankerSection.optional(), remote: remoteSection.optional() };

const model = section({
  residual: z.string().min(1).optional(),
  chain: z
    .array(exactlyOne(section(member), 'local', 'remote'))
    .min(1)
    .optional(),
  aliases: z.array(z.string().min(1)).optional(),
  breaker: breaker.optional(),
  shadow: exactlyOne(
    section({ ...member, share: z.number().min(0).max(1).optional() }),
    'local',
    'remote',
  ).optional(),
}).refine((value) => !('residual' in value && 'chain' in value), {
  error: 'expected at most one of residual and chain',
  when: ({ value }) => typeof value === 'object' && value !== null,
});

const key = exactlyOne(
  sectionOf(serviceKeyOptions, {
    tenant: z
      .string()
      .regex(/^[\w.-]{1,64}$/, 'expected a name of letters, digits, dots, dashes, at most 64'),
    key: z.string().min(16, 'expected at least 16 characters; `blockrank key` makes one'),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits, as `blockrank key` prints them'),
  }),
  'key',
  'sha256',
);

/** The section `service`. */
export const serviceSection: z.ZodType<ServiceConfig> = sectionOf(serviceOptions, {
  tls: sectionOf(serviceTlsOptions),
  keys: z.array(key).min(1, 'expected at least one key; leave `keys` out to let everybody in'),
  models: z
    .record(
      z.string().regex(/^[\w.:/-]{1,128}$/, 'expected a model name of letters, digits and ._:/-'),
      model,
    )
    .refine((models) => Object.keys(models).length > 0, 'expected at least one model'),
  cache: falseOr(sectionOf(serviceCacheOptions)),
  log: sectionOf(serviceLogOptions),
  ...orderStepSchemas,
}) as z.ZodType<ServiceConfig>;
