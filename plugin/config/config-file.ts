/** The name of the configuration file. */

/** The file's usual name. */
export const defaultConfigFile = 'blockrank.config.yaml';
