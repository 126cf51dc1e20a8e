/** `blockrank serve`: the reranking service, until it is told to end. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { composeService, type ServiceComposition } from '../../compose/index.ts';
import { defaultConfigFile, loadServeConfig, type ServeConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { describeError } from '../errors.ts';
import { wholeNumber } from '../option-values.ts';
import { runFollowing } from './run-following.ts';

const examples = `
Examples:
  $ blockrank serve
  $ curl -s localhost:8080/v1/rerank -H 'content-type: application/json' \\
      -d '{"query": "how do plants make food", "documents": ["Plants make food by photosynthesis.", "The stock market fell."]}'
  $ blockrank serve --config blockrank.config.yaml --host 0.0.0.0

The reference of all routes is at /docs. SIGTERM ends the service once requests in hand are answered (Ctrl-C gives them
2 seconds); SIGHUP reads the configuration again, as does a change of the file.`;

interface ServeFlags {
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
}

/** Makes the command `serve`. */
export function serveCommand(context: CliContext): Command {
  return new Command('serve')
    .description('answer rerank requests over HTTP, in the forms of Cohere, Jina, Voyage and TEI')
    .option('--config <file>', `configuration file (default: ${defaultConfigFile} where there is one)`)
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option(
      '--port <n>',
      'port to listen on; 0 for any free one (default: 8080)',
      wholeNumber({ min: 0, max: 65_535 }),
    )
    .addHelpText('after', examples)
    .action((flags: ServeFlags) => serve(context, flags));
}

function serve(context: CliContext, flags: ServeFlags): Promise<void> {
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
  /** Reads it; the options go over it. */
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
