import { type PlacedProvider, placeCudaProvider, runtimePlace } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';
import { withDownloadedWheel } from './download-wheel.ts';

/** Values of the options of `cuda`. */
export interface CudaFlags {
  readonly wheel?: string;
  readonly python?: string;
  readonly onnxruntimeNode?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Places the provider and prints what was done. @throws ConfigurationError saying what is wrong, and what would help. */
export async function cuda(context: CliContext, flags: CudaFlags): Promise<void> {
  const place = await runtimePlace(flags.onnxruntimeNode);
  const isDryRun = flags.dryRun ?? false;
  const put = (wheel: string): Promise<PlacedProvider> => placeCudaProvider({ wheel, place, isDryRun });
  const placed =
    flags.wheel === undefined
      ? await withDownloadedWheel(context, { version: place.version, python: flags.python ?? 'python3' }, put)
      : await put(flags.wheel);
  if (!placed.isKnown) {
    context.note(
      `Version ${placed.version} is newer than this release: its files were checked by the wheel's own list alone.`,
    );
  }
  if (flags.json) {
    context.printJson({ ...placed, isDryRun });
    return;
  }
  for (const { path, outcome } of placed.files) {
    context.print(`${isDryRun && outcome !== 'unchanged' ? `would be ${outcome}` : outcome}: ${path}`);
  }
  context.print(
    `onnxruntime-node ${placed.version} ${isDryRun ? 'would load' : 'loads'} CUDA ${placed.cudaVersion} from here on.`,
  );
  context.note(
    'CUDA 13 and cuDNN 9 have to be on LD_LIBRARY_PATH when Node starts; blockrank doctor says what is missing.',
  );
}
