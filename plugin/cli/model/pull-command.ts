/** `blockrank pull`: downloads a checkpoint and checks it. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { PullFlags } from './pull.ts';

const help = `
Examples:
  $ blockrank pull quicktensor/blockrank-msmarco-mistral-7b
  $ blockrank pull HuggingFaceTB/SmolLM2-135M-Instruct@main --json
  $ blockrank rerank "a question" --model "$(blockrank pull owner/name --offline)"

Prints the folder, to be given as --model. HF_TOKEN is the access token, HF_ENDPOINT another hub, HF_HUB_OFFLINE=1 the
same as --offline. A download that was cut off goes on where it stopped; each file is checked by its digest.`;

const cacheFolder: OptionRow = {
  type: 'text',
  otherwise: 'the cache folder',
  help: 'where models are kept',
};
const offline: OptionRow = { type: 'switch', help: 'download nothing: give what was downloaded before' };

/** Makes the command. */
export const pullCommand: MakeCommand = (context) =>
  new Command('pull')
    .description('Downloads a checkpoint from a model hub and checks that it can be read.')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .addOption(new Flag('--cache-folder <folder>', cacheFolder))
    .addOption(new Flag('--offline', offline))
    .addOption(jsonFlag('print the folder and what it holds as JSON'))
    .addHelpText('after', help)
    .action(async (model: string, flags: PullFlags) => {
      const { pull } = await import('./pull.ts');
      await pull(context, model, flags);
    });
