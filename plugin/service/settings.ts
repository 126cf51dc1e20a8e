/** The service's settings with their defaults. */
import type { ServiceConfig } from '../config/service-schema.ts';

/** Settings that a reload may change. */
export interface ServiceSettings {
  /** Bytes of one request. */
  readonly maxBodyBytes: number;
  /** Bytes of all requests in hand together. */
  readonly maxHeldBytes: number;
  /** Documents of one request. */
  readonly maxDocuments: number;
  /** Tokens of one request; Infinity: any number. */
  readonly maxTokens: number;
  /** Requests that are ranked at once. */
  readonly maxConcurrent: number;
  /** Requests that wait. */
  readonly maxQueue: number;
  /** Longest time of one request, in milliseconds. */
  readonly deadlineMs: number;
  /** Answers remembered. */
  readonly cache:
    | { readonly maxEntries: number; readonly maxCandidates: number; readonly ttlMs: number }
    | false;
  /** Whether texts may stand in log lines. */
  readonly logsTexts: boolean;
}

/** Fills in the defaults. */
export function serviceSettings(config: ServiceConfig): ServiceSettings {
  const { cache = {}, maxBodyBytes = 10 * 2 ** 20 } = config;
  return {
    maxBodyBytes,
    // A lone request is never too much, however large it may be.
    maxHeldBytes: Math.max(maxBodyBytes, config.maxHeldBytes ?? 256 * 2 ** 20),
    maxDocuments: config.maxDocuments ?? 1000,
    maxTokens: config.maxTokens ?? Number.POSITIVE_INFINITY,
    maxConcurrent: config.maxConcurrent ?? 8,
    maxQueue: config.maxQueue ?? 256,
    deadlineMs: config.deadlineMs ?? 30_000,
    cache: cache && {
      maxEntries: cache.maxEntries ?? 10_000,
      maxCandidates: cache.maxCandidates ?? 500_000,
      ttlMs: cache.ttlMs ?? 300_000,
    },
    logsTexts: config.log?.texts ?? false,
  };
}

/** Settings that are read once, when the service starts to listen. */
export interface ListenSettings {
  /** Address. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Time for a request to arrive, in milliseconds. */
  readonly receiveTimeoutMs: number;
  /** Time in which something of an answer has to be read, in milliseconds. */
  readonly sendTimeoutMs: number;
  /** Time that requests in hand get at the end, in milliseconds. */
  readonly drainMs: number;
  /** How long the service says that it is not ready before it stops listening, in milliseconds. */
  readonly drainDelayMs: number;
}

/** Fills in the defaults. */
export function listenSettings(config: ServiceConfig): ListenSettings {
  return {
    host: config.host ?? '127.0.0.1',
    port: config.port ?? 8080,
    receiveTimeoutMs: config.receiveTimeoutMs ?? 30_000,
    sendTimeoutMs: config.sendTimeoutMs ?? 30_000,
    drainMs: config.drainMs ?? 25_000,
    drainDelayMs: config.drainDelayMs ?? 0,
  };
}
