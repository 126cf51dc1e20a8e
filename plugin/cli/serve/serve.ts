/** Runs `blockrank serve`: the reranking service, until SIGTERM or Ctrl-C. */
import { existsSync } from 'node:fs';
import { composeService, type ServiceComposition } from '../../compose/service.ts';
import { defaultConfigFile, loadServeConfig, type ServeConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { describeError } from '../errors.ts';
import { runFollowing } from './run-following.ts';

/** Values of the options of `serve`. */
export interface ServeFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
}

/** Serves until SIGTERM or Ctrl-C. @throws ConfigurationError listing every fault of the file. */
export function serve(context: CliContext, flags: ServeFlags): Promise<void> {
  const load = configLoader(context, flags);
  return runFollowing(context, {
    path: load.path,
    watch: { onHangup: true, keepsAlive: true },
    async open() {
      const composition = await composeService(await load.read());
      const { service } = composition;
      service.logger.info({ url: service.url }, 'ready');
      return composition;
    },
    reload: (composition) => reload(composition, load),
  });
}

interface ConfigLoader {
  /** The file; absent when there is none. */
  readonly path: string | undefined;
  /** Reads the file; options win over it. */
  read(): Promise<ServeConfig>;
}

function configLoader({ env }: CliContext, { config, host, port }: ServeFlags): ConfigLoader {
  const path = config ?? (existsSync(defaultConfigFile) ? defaultConfigFile : undefined);
  return {
    path,
    async read() {
      const read = path === undefined ? { reranker: {}, service: {} } : await loadServeConfig(path, env);
      const given = { ...(host !== undefined && { host }), ...(port !== undefined && { port }) };
      return { ...read, service: { ...read.service, ...given } };
    },
  };
}

/** Takes the file's configuration, or keeps the one in use and says why. */
async function reload({ service, reconfigure }: ServiceComposition, load: ConfigLoader): Promise<void> {
  const { logger, metrics } = service;
  try {
    const unchanged = await reconfigure(await load.read());
    metrics.reloads.inc({ result: 'ok' });
    logger.info('configuration taken');
    if (unchanged.length > 0) logger.warn({ settings: unchanged }, 'these settings need a restart');
  } catch (error) {
    metrics.reloads.inc({ result: 'refused' });
    logger.error(
      { reason: describeError(error, false) },
      'configuration refused; the one before stays in use',
    );
  }
}
