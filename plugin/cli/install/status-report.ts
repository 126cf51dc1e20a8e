/** The input and the output of a status report. */
import type { ServerCalls } from '../../../adapters/server.ts';
import type { StatusFlags } from './install-flags.ts';
import type { ServiceWatch } from './service-watch.ts';

/** The input of a status report. */
export interface StatusSubject {
  /** The server. */
  readonly calls: ServerCalls;
  /** The command's options. */
  readonly flags: StatusFlags;
  /** The service; absent when no address was given. */
  readonly service: ServiceWatch | undefined;
  /** Ends the questions. */
  readonly signal: AbortSignal;
}

/** The output of a status report. */
export interface StatusReport {
  /** Lines for people. */
  readonly lines: readonly string[];
  /** The report for programs. */
  readonly json: object;
  /** What keeps searches from being reranked; absent when nothing does. */
  readonly fault?: string;
}
