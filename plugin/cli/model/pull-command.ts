/** `blockrank pull`: downloads a checkpoint and checks it. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import type { PullFlags } from './pull.ts';

const help = `
Examples:
  $ blockrank pull quicktensor/blockrank-msmarco-mistral-7b
  $ blockrank pull HuggingFaceTB/SmolLM2-135M-Instruct@main --json
  $ blockrank rerank "a question" --model "$(blockrank pull owner/name --offline)"

Prints the folder, to be given as --model. HF_TOKEN is the access token, HF_ENDPOINT another hub, HF_HUB_OFFLINE=1 the
same as --offline. A download that was cut off goes on where it stopped; each file is checked by its digest.`;

/** Makes the command. */
export const pullCommand: MakeCommand = (context) =>
  new Command('pull')
    .description('Downloads a checkpoint from a model hub and checks that it can be read.')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .option('--cache-folder <folder>', 'where models are kept (default: the cache folder)')
    .option('--offline', 'download nothing: give what was downloaded before')
    .option('--json', 'print the folder and what it holds as JSON')
    .addHelpText('after', help)
    .action(async (model: string, flags: PullFlags) => {
      const { pull } = await import('./pull.ts');
      await pull(context, model, flags);
    });
