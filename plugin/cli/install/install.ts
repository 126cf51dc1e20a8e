import type { CliContext } from '../context.ts';
import { packageVersion } from '../package-version.ts';
import { installInElasticsearch } from './install-elasticsearch.ts';
import type { InstallFlags, ServerKind } from './install-flags.ts';
import { installInOpenSearch } from './install-opensearch.ts';
import { withServerCalls } from './server-calls.ts';

/**
 * Installs in the server, or prints the calls that the installation would send. @throws ConfigurationError for options
 * that cannot be.
 */
export function install(context: CliContext, server: ServerKind, flags: InstallFlags): Promise<void> {
  return withServerCalls(context, { server, flags }, (calls) =>
    server === 'opensearch'
      ? installInOpenSearch(context, calls, { flags, version: packageVersion() })
      : installInElasticsearch(context, calls, flags),
  );
}
