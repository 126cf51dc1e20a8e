/** How options of an encoder are checked, by profile. */
import { depthsOf } from '../../model/depth.ts';
import type { ModelFolder } from '../../model/folder.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { devices } from '../../session/device.ts';
import { OptionCheck, type RerankerOptions } from '../reranker-options.ts';

/** More would be a mistake: the graph holds every applied layer. */
const maxLoops = 256;

/** @throws ConfigurationError listing everything that a model of the `cacheable` profile cannot be opened with. */
export function assertCacheableOptions(
  options: RerankerOptions,
  { path, manifest }: ModelFolder,
  config: EncoderConfig,
): void {
  const check = commonCheck(options, config);
  if (manifest.profile !== 'cacheable') {
    check.tell(
      'model',
      `"${path}" reads documents together with the query (profile in-context) and keeps no states; open it with openReranker`,
    );
  }
  checkDepth(check, options, manifest, config);
  checkLoops(check, options, config);
  check.whole('stateCacheBytes', 0, Number.MAX_SAFE_INTEGER);
  const tier = options.tier ?? 'tokens';
  if (options.stateCodec && options.stateCodec.tier !== tier) {
    check.tell(
      'stateCodec',
      `expected a codec of tier ${tier}, which is what is read, got ${options.stateCodec.name}`,
    );
  }
  check.finish();
}

/** @throws ConfigurationError listing everything that a model of the `in-context` profile cannot be opened with. */
export function assertInContextOptions(options: RerankerOptions, config: EncoderConfig): void {
  const check = commonCheck(options, config);
  check.absent('an encoder of the profile in-context', [
    'depth',
    'loops',
    'residual',
    'queryThreads',
    'stateCacheBytes',
    'stateFolder',
    'stateSource',
    'stateCodec',
  ]);
  check.finish();
}

/** What both profiles are opened with. */
function commonCheck(options: RerankerOptions, config: EncoderConfig): OptionCheck {
  const check = new OptionCheck(options);
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('queryThreads', 1, 1024);
  check.whole('maxDocumentTokens', 8, config.positions);
  check.whole('maxDocumentBlocks', 1, 1024);
  check.whole('maxQueryTokens', 1, config.positions - 32);
  check.whole('batchTokens', 1, 1_000_000);
  check.oneOf('precision', ['fp32', 'int8', 'fp16']);
  check.oneOf('tier', ['tokens', 'anchor']);
  check.oneOf('device', devices);
  if (options.precision === 'int8' && (options.device ?? 'cpu') !== 'cpu') {
    check.tell('precision', 'int8 is computed on the processor alone; leave it out, or leave out the device');
  }
  check.absent('an encoder', ['memoryLimitBytes', 'deviceMemoryLimitBytes', 'warmUpDocuments']);
  return check;
}

function checkDepth(
  check: OptionCheck,
  options: RerankerOptions,
  manifest: ModelManifest,
  config: EncoderConfig,
): void {
  const depths = depthsOf(manifest, config);
  if (options.depth !== undefined && !depths.includes(options.depth)) {
    const known = depths.length === 1 ? `${depths[0]}, the model's only one` : depths.join(' or ');
    check.tell('depth', `expected ${known}, got ${String(options.depth)}`);
  }
}

function checkLoops(check: OptionCheck, { loops }: RerankerOptions, { blocks }: EncoderConfig): void {
  if (loops === undefined) return;
  if (blocks) check.whole('loops', 1, maxLoops);
  else check.tell('loops', "this model's layers do not loop: its config.json names no blocks; leave it out");
}
