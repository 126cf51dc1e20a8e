/** The door of the configuration. */
export { type AwsKeys, awsCredentials, type ImportPackage } from '../compose/aws-credentials.ts';
export {
  type ConfiguredStage,
  type ConfiguredStageOptions,
  configuredStage,
} from '../compose/configured-stage.ts';
export { type ConnectContext, connectElasticsearch, connectOpenSearch } from '../compose/connect.ts';
export {
  connectionAdvice,
  type ServerName,
  toAdvised,
  withConnectionAdvice,
} from '../compose/connection-advice.ts';
export {
  composeProxy,
  type ProxyComposition,
  type ProxyContext,
  type ProxySettings,
  type ReadyProxyConfig,
} from '../compose/proxy.ts';
export {
  type ComposeContext,
  composeServer,
  type ServerAdapter,
  type ServerRequest,
  type ServerResponse,
} from '../compose/server.ts';
export { composeService, type ServiceComposition } from '../compose/service.ts';
export {
  type Composition,
  type CompositionParts,
  composeStage,
  type OpenReranker,
} from '../compose/stage.ts';
export { type Environment, substitute } from './environment.ts';
export { type Checked, check } from './issues.ts';
export { defaultConfigFile, loadConfig, loadServeConfig, parseConfig } from './load.ts';
export type * from './proxy-schema.ts';
export type * from './schema.ts';
export { configSchema, serveConfigSchema, serverSchemas } from './schema.ts';
export type * from './service-schema.ts';
export type { StatesConfig } from './stored-states.ts';
export { type ConfigWatch, type WatchOptions, watchConfig } from './watch-config.ts';
