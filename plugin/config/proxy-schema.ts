/** Keys of the section `proxy`: what `blockrank proxy` reads beside `index`, `reranker` and `stage`. */
import { z } from 'zod';
import { listenTlsOptions, proxyOptions, targetTlsOptions } from '../options/proxy-options.ts';
import { sectionOf } from './sections.ts';

/** Encryption of the connections to the cluster. */
export interface ProxyTargetTls {
  /** File with certificates (PEM) that may have signed the cluster's. @defaultValue the system's */
  readonly ca?: string | undefined;
  /** File with the proxy's certificate (PEM) for the cluster. Needs `key`. @defaultValue none */
  readonly cert?: string | undefined;
  /** File with the proxy's private key (PEM) for the cluster. Needs `cert`. @defaultValue none */
  readonly key?: string | undefined;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
  /** Do not check the cluster's certificate (warns). @defaultValue false */
  readonly insecure?: boolean | undefined;
}

/** Encryption of the proxy's own listener. */
export interface ProxyListenTls {
  /** File with the listener's certificate chain (PEM); callers then use https. */
  readonly cert: string;
  /** File with the listener's private key (PEM). */
  readonly key: string;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
}

/** The reverse proxy. Each default is the one of `openProxy`. */
export interface ProxyConfig {
  /** Address of the cluster. A path in it goes before every request's; no credentials. @defaultValue the `node` of the section `elasticsearch` or `opensearch` */
  readonly target?: string | undefined;
  /** What the cluster is, for metrics and errors. @defaultValue the name of its section, else asked at the start */
  readonly server?: 'elasticsearch' | 'opensearch' | undefined;
  /** Indices whose searches are reranked, as requests name them; `*` stands for any characters. @defaultValue the names in `index.name` */
  readonly indices?: readonly string[] | undefined;
  /** Address to listen on. @defaultValue '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port to listen on; 0 for any free one (0 to 65535). @defaultValue 9201 */
  readonly port?: number | undefined;
  /** Encryption of the connections to the cluster. @defaultValue the `tls` of its section */
  readonly targetTls?: ProxyTargetTls | undefined;
  /** Encryption of the connections to callers. @defaultValue none: plain HTTP */
  readonly listenTls?: ProxyListenTls | undefined;
  /** How long the cluster may keep silent, in milliseconds, above 0. 504 after it. @defaultValue 300000 */
  readonly timeoutMs?: number | undefined;
  /** Bytes that a search's body may have, unpacked, at least 1. A larger one passes untouched. @defaultValue 10485760 (10 MiB) */
  readonly maxSearchBytes?: number | undefined;
  /** Bytes that an answer may have to be reranked, unpacked, at least 1. For a larger one the search is asked again as it came. @defaultValue 67108864 (64 MiB) */
  readonly maxAnswerBytes?: number | undefined;
  /** Searches that are reranked at once; what comes beyond it passes untouched (at least 1). Each of an `_msearch` counts; refused with `onFailure: throw`. @defaultValue 64 */
  readonly maxConcurrent?: number | undefined;
  /** Time that requests in flight get when the proxy is asked to end, in milliseconds. @defaultValue 30000 */
  readonly drainMs?: number | undefined;
  /** Whether the cluster sees the `Host` that the caller named. @defaultValue false */
  readonly keepsHost?: boolean | undefined;
  /** Whether `/_blockrank/healthz`, `readyz` and `metrics` are the proxy's own. @defaultValue true */
  readonly ownPages?: boolean | undefined;
  /** Whether answers and hits say what happened, as their property `blockrank`. @defaultValue true */
  readonly marks?: boolean | undefined;
  /** Which number hits carry as `_score`. The cluster's, or the reranker's. @defaultValue 'first-stage' */
  readonly scores?: 'first-stage' | 'reranked' | undefined;
}

/** The section `proxy`. */
export const proxySection: z.ZodType<ProxyConfig> = sectionOf(proxyOptions, {
  target: z.url({ protocol: /^https?$/, error: 'expected an address such as https://search.example:9200' }),
  targetTls: sectionOf(targetTlsOptions).refine(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    {
      error: 'expected cert and key together',
    },
  ),
  listenTls: sectionOf(listenTlsOptions),
}) as z.ZodType<ProxyConfig>;
