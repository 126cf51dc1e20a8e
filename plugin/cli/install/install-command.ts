/** `blockrank install`: makes reranking part of a search server. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import {
  addInstallOptions,
  addTargetOptions,
  type InstallFlags,
  type ServerKind,
  serverArgument,
} from './install-flags.ts';

const help = `
Examples:
  $ blockrank install opensearch --opensearch http://localhost:9200 --service http://blockrank:8080 --field title --field body --dry-run
  $ blockrank install opensearch --opensearch https://search.example --aws-region eu-central-1 --service https://rerank.example \\
      --field body --index articles --query "wing flow" --set-cluster-settings
  $ BLOCKRANK_API_KEY=… blockrank install elasticsearch --elasticsearch https://localhost:9200 --ca ca.pem --service http://blockrank:8080

OpenSearch (2.12 and later, with ML Commons and neural-search) gets a connector, a model and a search pipeline;
Elasticsearch (8.19, 9.1 and later, Enterprise or trial) an inference endpoint. The service is "blockrank serve".
A second run sends nothing; changed options change what differs. Undo it with "blockrank uninstall".
Secrets: BLOCKRANK_SERVICE_KEY stands for --service-key, which other users of the machine could read.`;

/** Makes the command `install`. */
export const installCommand: MakeCommand = (context) => {
  const command = new Command('install')
    .description('make a reranking service part of OpenSearch or Elasticsearch')
    .addArgument(serverArgument());
  addInstallOptions(addTargetOptions(command));
  return command.addHelpText('after', help).action(async (server: ServerKind, flags: InstallFlags) => {
    const { install } = await import('./install.ts');
    await install(context, server, flags);
  });
};
