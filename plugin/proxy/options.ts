/** Options of the reverse proxy, with their defaults. */
import type { Registry } from 'prom-client';
import type { OptionNames, Reranker } from '../../engine/index.ts';
import { proxyOptions } from '../options/proxy-options.ts';
import type { OnFailure, RescoringStage } from '../stage/index.ts';
import type { ProxyAdapter, WireAnswer, WireSearch } from './proxy-adapter.ts';
import type { TargetTls } from './target.ts';

/** Address that the proxy listens on by default: this machine alone. */
export const defaultProxyHost: string = proxyOptions.host.default;
/** Port that the proxy listens on by default. */
export const defaultProxyPort: number = proxyOptions.port.default;
/** How long the cluster may keep silent by default, in milliseconds. */
export const defaultTimeoutMs: number = proxyOptions.timeoutMs.default;
/** Bytes of a search's body by default, at most. */
export const defaultMaxSearchBytes: number = proxyOptions.maxSearchBytes.default;
/** Bytes of an answer that is reranked by default, at most. */
export const defaultMaxAnswerBytes: number = proxyOptions.maxAnswerBytes.default;
/** Searches that are reranked at once by default. */
export const defaultMaxConcurrent: number = proxyOptions.maxConcurrent.default;
/** How long requests in flight may take by default once the proxy closes, in milliseconds. */
export const defaultDrainMs: number = proxyOptions.drainMs.default;

/** Encryption of the connections to callers. */
export interface ListenTls {
  /** The proxy's certificate (PEM). */
  readonly cert: string;
  /** The certificate's private key (PEM). */
  readonly key: string;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
}

/** The settings of reranking, which may be exchanged while the proxy runs. */
export interface ProxyReranking {
  /** Indices whose searches are reranked, as the requests name them; `*` stands for any characters. */
  readonly indices: readonly string[];
  /** Reads and writes searches; made by `proxyAdapter`. */
  readonly adapter: ProxyAdapter;
  /** Reranks, over the same adapter. The proxy never closes it. */
  readonly stage: RescoringStage<WireSearch, WireAnswer>;
  /** The stage's reranker, whose `info` each `readyz` reads anew. */
  readonly reranker: Pick<Reranker, 'info'>;
  /** The stage's own setting for failures of reranking. @defaultValue 'keep-first-stage' */
  readonly onFailure?: OnFailure | undefined;
  /** Bytes that a search's body may have, unpacked; a larger one passes untouched. @defaultValue 10485760 (10 MiB) */
  readonly maxSearchBytes?: number | undefined;
  /** Bytes that an answer may have to be reranked; for a larger one the request passes untouched. @defaultValue 67108864 (64 MiB) */
  readonly maxAnswerBytes?: number | undefined;
  /**
   * Searches that are reranked at once, from the question to the cluster until the answer is out; each search of a
   * multi-search counts. What comes beyond it passes untouched, or is refused with 429 when `onFailure` is 'throw'.
   * @defaultValue 64
   */
  readonly maxConcurrent?: number | undefined;
}

/** Options of `openProxy`. */
export interface ProxyOptions extends ProxyReranking {
  /** Address of the cluster, e.g. `https://search.example:9200`; a path in it goes before every request's. */
  readonly target: string;
  /** Encryption of the connections to the cluster. @defaultValue the system's certificates, checked */
  readonly targetTls?: TargetTls | undefined;
  /** Address to listen on; `0.0.0.0` for all. @defaultValue '127.0.0.1' */
  readonly host?: string | undefined;
  /** Port to listen on; 0 for any that is free. @defaultValue 9201 */
  readonly port?: number | undefined;
  /** Encryption of the connections to callers. @defaultValue none: plain HTTP */
  readonly listenTls?: ListenTls | undefined;
  /** How long the cluster may keep silent before a request is answered with 504, in milliseconds. @defaultValue 300000 */
  readonly timeoutMs?: number | undefined;
  /** How long requests in flight may take once the proxy closes, in milliseconds. @defaultValue 30000 */
  readonly drainMs?: number | undefined;
  /** Whether the cluster sees the `Host` that the caller named, instead of its own. @defaultValue false */
  readonly keepsHost?: boolean | undefined;
  /** Whether `/_blockrank/healthz`, `readyz` and `metrics` are the proxy's own. @defaultValue true */
  readonly ownPages?: boolean | undefined;
  /**
   * Registry that gets the metric `blockrank_proxy_requests_total{kind,status}`, and that `/_blockrank/metrics` shows.
   * @defaultValue a new one
   */
  readonly registry?: Registry | undefined;
  /** Called with failures that no event of the stage tells. @defaultValue nothing is called */
  readonly onFault?: ((error: unknown) => void) | undefined;
}

/** Names of all options of `openProxy`. */
export const proxyOptionNames: OptionNames<ProxyOptions> = {
  indices: true,
  adapter: true,
  stage: true,
  reranker: true,
  onFailure: true,
  maxSearchBytes: true,
  maxAnswerBytes: true,
  maxConcurrent: true,
  target: true,
  targetTls: true,
  host: true,
  port: true,
  listenTls: true,
  timeoutMs: true,
  drainMs: true,
  keepsHost: true,
  ownPages: true,
  registry: true,
  onFault: true,
};
