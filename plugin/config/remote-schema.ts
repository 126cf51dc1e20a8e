/** Keys of `remote`: somebody else's reranking service. */
import { z } from 'zod';
import { remoteOptions } from '../options/service-options.ts';
import { sectionOf } from './sections.ts';

/** Somebody else's reranking service. */
export interface RemoteConfig {
  /** Which wire form the service speaks. */
  readonly api: 'cohere' | 'jina' | 'voyage' | 'tei';
  /** The endpoint's whole address. */
  readonly url: string;
  /** Sent as `Authorization: Bearer …`. @defaultValue none */
  readonly apiKey?: string | undefined;
  /** The service's name of the model. @defaultValue left out */
  readonly model?: string | undefined;
  /** Name in logs and metrics. @defaultValue the wire form and the host */
  readonly name?: string | undefined;
  /** Documents of one call, at least 1. @defaultValue 1000; 32 for `tei` */
  readonly maxDocuments?: number | undefined;
  /** Time for one attempt, in milliseconds, above 0. @defaultValue 10000 */
  readonly timeoutMs?: number | undefined;
  /** Further attempts after a transient failure. @defaultValue 1 */
  readonly retries?: number | undefined;
}

/** The section `remote`. */
export const remoteSection: z.ZodType<RemoteConfig> = sectionOf(remoteOptions, {
  url: z.url({ protocol: /^https?$/, error: 'expected an address such as https://api.cohere.com/v2/rerank' }),
}) as unknown as z.ZodType<RemoteConfig>;
