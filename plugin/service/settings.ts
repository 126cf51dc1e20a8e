/** The service's settings with their defaults. */
import { orderStepFields, orderSteps, type ScoreStep } from '../../engine/index.ts';
import type { ServiceConfig } from '../config/service-schema.ts';
import { serviceCacheOptions, serviceLogOptions, serviceOptions } from '../options/service-options.ts';

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
  /** Share of the time left in which documents are read; `false`: lists are read whole or not at all. */
  readonly readingShare: number | false;
  /** Steps after fusion, and the fields that they look at. */
  readonly orderSteps: readonly ScoreStep[];
  /** See {@link orderSteps}. */
  readonly orderFields: readonly string[];
  /** Whether lists in a language that the model does not read keep the request's order. */
  readonly languageGuard: boolean;
  /** Answers remembered. */
  readonly cache:
    | { readonly maxEntries: number; readonly maxCandidates: number; readonly ttlMs: number }
    | false;
  /** Whether texts may stand in log lines. */
  readonly logsTexts: boolean;
}

/** Fills in the defaults. */
export function serviceSettings(config: ServiceConfig): ServiceSettings {
  const { cache = {}, maxBodyBytes = serviceOptions.maxBodyBytes.default } = config;
  return {
    maxBodyBytes,
    // At least one request of the largest size always fits.
    maxHeldBytes: Math.max(maxBodyBytes, config.maxHeldBytes ?? serviceOptions.maxHeldBytes.default),
    maxDocuments: config.maxDocuments ?? serviceOptions.maxDocuments.default,
    maxTokens: config.maxTokens ?? Number.POSITIVE_INFINITY,
    maxConcurrent: config.maxConcurrent ?? serviceOptions.maxConcurrent.default,
    maxQueue: config.maxQueue ?? serviceOptions.maxQueue.default,
    deadlineMs: config.deadlineMs ?? serviceOptions.deadlineMs.default,
    readingShare: config.readingShare ?? serviceOptions.readingShare.default,
    orderSteps: orderSteps(config),
    orderFields: orderStepFields(config),
    languageGuard: config.languageGuard ?? serviceOptions.languageGuard.default,
    cache: cache && {
      maxEntries: cache.maxEntries ?? serviceCacheOptions.maxEntries.default,
      maxCandidates: cache.maxCandidates ?? serviceCacheOptions.maxCandidates.default,
      ttlMs: cache.ttlMs ?? serviceCacheOptions.ttlMs.default,
    },
    logsTexts: config.log?.texts ?? serviceLogOptions.texts.default,
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
  /** Time in which a caller has to read some part of an answer, in milliseconds. */
  readonly sendTimeoutMs: number;
  /** Time that requests in hand get at the end, in milliseconds. */
  readonly drainMs: number;
  /** How long the service says that it is not ready before it stops listening, in milliseconds. */
  readonly drainDelayMs: number;
}

/** Fills in the defaults. */
export function listenSettings(config: ServiceConfig): ListenSettings {
  return {
    host: config.host ?? serviceOptions.host.default,
    port: config.port ?? serviceOptions.port.default,
    receiveTimeoutMs: config.receiveTimeoutMs ?? serviceOptions.receiveTimeoutMs.default,
    sendTimeoutMs: config.sendTimeoutMs ?? serviceOptions.sendTimeoutMs.default,
    drainMs: config.drainMs ?? serviceOptions.drainMs.default,
    drainDelayMs: config.drainDelayMs ?? serviceOptions.drainDelayMs.default,
  };
}
