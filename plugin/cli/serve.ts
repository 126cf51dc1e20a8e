/** `blockrank serve`: the reranking service, until it is told to end. */
import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { ServiceComposition } from '../config/index.ts';
import {
  composeService,
  defaultConfigFile,
  loadServeConfig,
  type ServeConfig,
  watchConfig,
} from '../config/index.ts';
import type { CliContext } from './context.ts';
import { describeError } from './errors.ts';
import { wholeNumber } from './option-values.ts';

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

async function serve(context: CliContext, flags: ServeFlags): Promise<void> {
  // Before anything is opened: a process that is the first of its container has no other way to be ended.
  const ending = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
    context.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  const load = configLoader(context, flags);
  // Before the file is read: what changes while the models are being opened is taken after them.
  const watch = watchConfig(load.path, { onHangup: true, keepsAlive: true });
  try {
    const composition = await composeService(await load.read());
    const { service } = composition;
    service.logger.info({ url: service.url }, 'ready');
    watch.tell(reloader(composition, load));
    await ending;
    watch.close();
    await composition.close();
  } finally {
    watch.close();
  }
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

/** Takes the file's configuration, or keeps the one in use and says why. One after another. */
function reloader({ service, reconfigure }: ServiceComposition, load: ConfigLoader): () => void {
  const { logger, metrics } = service;
  let last = Promise.resolve();
  const reload = async (): Promise<void> => {
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
  };
  return () => {
    last = last.then(reload);
  };
}
