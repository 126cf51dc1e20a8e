/** The door for reading a configuration and turning it into a stage, a service or a proxy. */
export * from '../config/index.ts';
export { type AwsKeys, awsCredentials, type ImportPackage } from './aws-credentials.ts';
export {
  type ConfiguredStage,
  type ConfiguredStageOptions,
  configuredStage,
} from './configured-stage.ts';
export { type ConnectContext, connectElasticsearch, connectOpenSearch } from './connect.ts';
export {
  connectionAdvice,
  type ServerName,
  toAdvised,
  withConnectionAdvice,
} from './connection-advice.ts';
export type { PackageContext } from './import-client.ts';
export {
  composeProxy,
  type ProxyComposition,
  type ProxyContext,
  type ProxySettings,
  type ReadyProxyConfig,
} from './proxy.ts';
export type { ReadIndex } from './read-options.ts';
export { type Choice, type FormSettings, modelForm, parseChoice } from './router/choice-name.ts';
export { type ChoiceContext, type OpenChoices, openChoices } from './router/open-choices.ts';
export { openRouter } from './router/open-router.ts';
export {
  type BoardedReranker,
  type RouterFiles,
  type RouterQuery,
  type RouterValidation,
  readRouter,
  writeBoarded,
  writeRouter,
} from './router/router-folder.ts';
export {
  type ComposeContext,
  composeServer,
  type ServerAdapter,
  type ServerRequest,
  type ServerResponse,
} from './server.ts';
export { composeService, type ServiceComposition } from './service.ts';
export {
  type Composition,
  type CompositionParts,
  composeStage,
  type OpenReranker,
} from './stage.ts';
