/** What a status is made from, and what it prints. */
import type { ServerCalls } from '../../../adapters/server.ts';
import type { StatusFlags } from './install-flags.ts';
import type { ServiceWatch } from './service-watch.ts';

/** What a status is made from. */
export interface StatusSubject {
  /** The server. */
  readonly calls: ServerCalls;
  /** The command's options. */
  readonly flags: StatusFlags;
  /** The service, when its address was given. */
  readonly service: ServiceWatch | undefined;
  /** Ends the questions. */
  readonly signal: AbortSignal;
}

/** What a status prints. */
export interface StatusReport {
  /** Lines for people. */
  readonly lines: readonly string[];
  /** The same for programs. */
  readonly json: object;
  /** What keeps searches from being reranked; absent when nothing does. */
  readonly fault?: string;
}
