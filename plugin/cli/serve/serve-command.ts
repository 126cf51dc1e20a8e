/** `blockrank serve`: the reranking service, until SIGTERM or Ctrl-C. */
import { Command } from 'commander';
import { defaultConfigFile } from '../../config/config-file.ts';
import { serviceOptions } from '../../options/service-options.ts';
import type { CliContext } from '../context.ts';
import { addFlags, Flag } from '../flag.ts';
import { configFlag } from '../shared-flags.ts';
import type { ServeFlags } from './serve.ts';

const examples = `
Examples:
  $ blockrank serve
  $ curl -s localhost:8080/v1/rerank -H 'content-type: application/json' \\
      -d '{"query": "how do plants make food", "documents": ["Plants make food by photosynthesis.", "The stock market fell."]}'
  $ blockrank serve --config blockrank.config.yaml --host 0.0.0.0

The reference of all routes is at /docs. SIGTERM ends the service once requests in hand are answered (Ctrl-C gives them
2 seconds); SIGHUP reads the configuration again, as does a change of the file.`;

/** Makes the command `serve`. */
export function serveCommand(context: CliContext): Command {
  const command = new Command('serve').description(
    'answer rerank requests over HTTP, in the forms of Cohere, Jina, Voyage and TEI',
  );
  const flags = [
    configFlag(`configuration file (default: ${defaultConfigFile} where there is one)`),
    new Flag('--host <address>', serviceOptions.host),
    new Flag('--port <n>', serviceOptions.port),
  ];
  return addFlags(command, flags)
    .addHelpText('after', examples)
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('./serve.ts');
      await serve(context, flags);
    });
}
