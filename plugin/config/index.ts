/** The door of the configuration file: its keys, and reading it. */
export { type Environment, substitute } from './environment.ts';
export { type Checked, check } from './issues.ts';
export { defaultConfigFile, loadConfig, loadServeConfig, parseConfig } from './load.ts';
export type * from './proxy-schema.ts';
export type * from './schema.ts';
export { configSchema, serveConfigSchema, serverSchemas } from './schema.ts';
export type * from './service-schema.ts';
export type { StatesConfig } from './stored-states.ts';
export { type ConfigWatch, type WatchOptions, watchConfig } from './watch-config.ts';
