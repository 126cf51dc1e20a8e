/** `blockrank doctor`: which devices open here, what the others lack, and how fast each is. */
import { Command, Option } from 'commander';
import type { MakeCommand } from '../context.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { DoctorFlags } from './doctor.ts';

const help = `
Examples:
  $ blockrank doctor
  $ blockrank doctor --device cuda
  $ blockrank doctor --json

Each device is opened in a process of its own, and times products of matrices. Exit code 1 when the device that is named
does not open; without a name, when the processor does not.`;

/** Makes the command. */
export const doctorCommand: MakeCommand = (context) =>
  new Command('doctor')
    .description('Tells which devices a model can run on here, what the others lack, and how fast each is.')
    .addOption(
      new Option('--device <name>', 'the device to examine')
        .choices(['all', 'cpu', 'webgpu', 'cuda'])
        .default('all'),
    )
    .addOption(jsonFlag('print the report as JSON'))
    .addHelpText('after', help)
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import('./doctor.ts');
      await doctor(context, flags);
    });
