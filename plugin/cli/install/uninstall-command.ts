/** `blockrank uninstall`: takes an installation out of a search server. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import {
  addTargetOptions,
  changeOptions,
  type ServerKind,
  serverArgument,
  setClusterSettingsOption,
  type UninstallFlags,
} from './install-flags.ts';

const help = `
Examples:
  $ blockrank uninstall opensearch --opensearch http://localhost:9200 --dry-run
  $ blockrank uninstall opensearch --opensearch http://localhost:9200 --set-cluster-settings
  $ blockrank uninstall elasticsearch --elasticsearch http://localhost:9200

It refuses while an index has the pipeline as its default or another pipeline uses the model, unless --force is given,
which takes the default away from the index, or gives it back the one it had before. Things of the name that somebody else made stay.`;

/** Makes the command `uninstall`. */
export const uninstallCommand: MakeCommand = (context) => {
  const command = new Command('uninstall')
    .description('take the reranking service out of OpenSearch or Elasticsearch')
    .addArgument(serverArgument());
  addFlags(command, changeOptions());
  command.addOption(setClusterSettingsOption("remove the service's entry from the cluster settings"));
  return addTargetOptions(command)
    .addHelpText('after', help)
    .action(async (server: ServerKind, flags: UninstallFlags) => {
      const { uninstall } = await import('./uninstall.ts');
      await uninstall(context, server, flags);
    });
};
