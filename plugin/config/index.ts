/** The door of the configuration: its keys, its reader, and its checks. */
export { defaultConfigFile } from './config-file.ts';
export { type Environment, substitute } from './environment.ts';
export { type Checked, check } from './issues.ts';
export { loadConfig, loadServeConfig, parseConfig } from './load.ts';
export type * from './proxy-schema.ts';
export type * from './remote-schema.ts';
export type * from './reranker-schema.ts';
export { remotesSection } from './reranker-schema.ts';
export type * from './schema.ts';
export { configSchema, serveConfigSchema, serverSchemas } from './schema.ts';
export type * from './service-schema.ts';
export type * from './stage-schema.ts';
export type { StatesConfig } from './stored-states.ts';
export { type ConfigWatch, type WatchOptions, watchConfig } from './watch-config.ts';
