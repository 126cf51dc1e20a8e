/** `blockrank cuda`: makes the device `cuda` run on CUDA 13. */
import { Command } from 'commander';
import type { OptionRow } from '../../options/option.ts';
import type { MakeCommand } from '../context.ts';
import { Flag } from '../flag.ts';
import { jsonFlag } from '../shared-flags.ts';
import type { CudaFlags } from './cuda.ts';

const help = `
Examples:
  $ blockrank cuda
  $ blockrank cuda --wheel onnxruntime_gpu-1.30.0-cp312-cp312-manylinux_2_28_x86_64.whl
  $ blockrank cuda --dry-run --json

The npm package of ONNX Runtime knows CUDA 12; its provider for CUDA 13 comes in the Python wheel onnxruntime-gpu of the
same version. Without --wheel, pip downloads it (250 MB) from the index that it is configured for, PyPI by default, and
checks its digest. Version, platform and the digests of both files are checked before they are put beside the runtime's
own library. CUDA 13 and cuDNN 9 themselves are yours to install. Run it again after every installation of packages.`;

const wheel: OptionRow = {
  type: 'text',
  otherwise: 'pip downloads it',
  help: 'the wheel, where it was downloaded before',
};
const python: OptionRow = { type: 'text', default: 'python3', help: 'Python whose pip downloads the wheel' };
const runtime: OptionRow = {
  type: 'text',
  otherwise: 'the package that this program runs with',
  help: 'folder of another onnxruntime-node',
};
const dryRun: OptionRow = { type: 'switch', help: 'check everything, and write nothing' };

/** Makes the command. */
export const cudaCommand: MakeCommand = (context) =>
  new Command('cuda')
    .description("Puts ONNX Runtime's provider for CUDA 13 where the device cuda looks for it.")
    .addOption(new Flag('--wheel <file>', wheel))
    .addOption(new Flag('--python <program>', python))
    .addOption(new Flag('--onnxruntime-node <folder>', runtime))
    .addOption(new Flag('--dry-run', dryRun))
    .addOption(jsonFlag('print what was placed as JSON'))
    .addHelpText('after', help)
    .action(async (flags: CudaFlags) => {
      const { cuda } = await import('./cuda.ts');
      await cuda(context, flags);
    });
