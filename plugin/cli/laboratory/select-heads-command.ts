/** `blockrank select-heads`: chooses the attention heads of a decoder that is read without training. */
import { Command } from 'commander';
import type { MakeCommand } from '../context.ts';
import { addFlags } from '../flag.ts';
import { modelOptions } from '../model-options.ts';
import { jsonFlag } from '../shared-flags.ts';
import { candidatesFlag, countFlag, dataFlag, seedFlag, textFlag, windowFlag } from './laboratory-flags.ts';
import type { SelectHeadsOptions } from './select-heads.ts';

const help = `
Examples:
  $ blockrank select-heads --model ~/models/SmolLM2-135M-Instruct --data my-judgements --heads 8
  $ blockrank select-heads --model model.gguf --data my-judgements --layers 4 --output blockrank.json

Each head orders each list by itself, over shuffled documents; the heads with the largest mean nDCG@10 are written to
the model's blockrank.json. With --layers, all heads of the best run of layers instead. Layers above the last one
chosen are not computed any more. Never choose heads on what you report.`;

/** Makes the command. */
export const selectHeadsCommand: MakeCommand = (context) => {
  const command = new Command('select-heads').description(
    'Chooses the heads of a decoder that tell relevant documents from others; needs no training.',
  );
  return addFlags(command, [
    ...modelOptions({
      only: ['model'],
      forms: { model: { help: 'decoder folder, or a GGUF file', otherwise: '', isMandatory: true } },
    }),
    dataFlag('--data <folder>', 'a collection with judgements'),
    candidatesFlag(),
    countFlag('--queries <n>', 'queries, drawn at random', { value: 32 }),
    windowFlag(20, { min: 2 }),
    countFlag('--heads <n>', 'heads to keep', { value: 16 }),
    countFlag('--layers <n>', 'keep all heads of the best n layers in a row instead', {}),
    seedFlag(),
    textFlag('--output <file>', "where to write the manifest (default: the model's blockrank.json)"),
    jsonFlag('print the heads as JSON'),
  ])
    .addHelpText('after', help)
    .action(async (options: SelectHeadsOptions) => {
      const { select } = await import('./select-heads.ts');
      await select(context, options);
    });
};
