/** The door of the reverse proxy. */
export { detectServer, type ServerProduct } from './detect-server.ts';
export {
  defaultDrainMs,
  defaultMaxAnswerBytes,
  defaultMaxConcurrent,
  defaultMaxSearchBytes,
  defaultProxyHost,
  defaultProxyPort,
  defaultTimeoutMs,
  type ListenTls,
  type ProxyOptions,
  type ProxyReranking,
} from './options.ts';
export { openProxy, type RunningProxy } from './proxy.ts';
export {
  type CallerFetch,
  type ProxyAdapter,
  type ProxyAdapterOptions,
  proxyAdapter,
  type WireAnswer,
  type WireSearch,
} from './proxy-adapter.ts';
export type { TargetTls } from './target.ts';
