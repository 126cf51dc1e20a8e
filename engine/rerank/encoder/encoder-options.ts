/** How options of an encoder are checked, by profile. */
import type { ConfigurationIssue } from '../../errors.ts';
import { depthsOf, guessingDepth, guessingDepths } from '../../model/depth.ts';
import type { ModelFolder } from '../../model/folder.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { appliedLayers } from '../../network/loops.ts';
import { type OptionNames, unknownOptions } from '../../option-names.ts';
import { devices } from '../../session/device.ts';
import { OptionCheck, type RerankerKind, type RerankerOptions } from '../reranker-options.ts';
import { type DroppingOptions, defaultMinKeep } from './dropping.ts';
import type { StoppingOptions } from './stopping.ts';

/** More would be a mistake: the graph holds every applied layer. */
const maxLoops = 256;

/** @throws ConfigurationError listing everything that a model of the `cacheable` profile cannot be opened with. */
export function assertCacheableOptions(
  options: RerankerOptions,
  { path, manifest }: ModelFolder,
  config: EncoderConfig,
): void {
  const check = commonCheck(options, config, 'an encoder');
  if (manifest.profile !== 'cacheable') {
    check.tell(
      'model',
      `"${path}" reads documents together with the query (profile in-context) and keeps no states; open it with openReranker`,
    );
  }
  checkDepth(check, options, manifest, config);
  checkLoops(check, options, config);
  checkDropping(check, options, manifest, config);
  checkStopping(check, options);
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
  commonCheck(options, config, 'an encoder of the profile in-context').finish();
}

/** What both profiles are opened with. */
function commonCheck(options: RerankerOptions, config: EncoderConfig, kind: RerankerKind): OptionCheck {
  const check = new OptionCheck(options, kind);
  check.workers();
  check.whole('threads', 1, 1024);
  check.whole('queryThreads', 1, 1024);
  check.whole('maxDocumentTokens', 8, config.positions);
  check.whole('maxDocumentBlocks', 1, 1024);
  check.whole('maxQueryTokens', 1, config.positions - 32);
  check.whole('batchTokens', 1, 1_000_000);
  check.oneOf('precision', ['fp32', 'int8', 'fp16']);
  check.oneOf('queryPrecision', ['fp32', 'int8']);
  check.oneOf('tier', ['tokens', 'anchor']);
  check.oneOf('device', devices);
  if (options.precision === 'int8' && (options.device ?? 'cpu') !== 'cpu') {
    check.tell('precision', 'int8 is computed on the processor alone; leave it out, or leave out the device');
  }
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

const droppingNames: OptionNames<DroppingOptions> = {
  keep: true,
  depth: true,
  minKeep: true,
  maxKeep: true,
};

function checkDropping(
  check: OptionCheck,
  { dropping, depth, residual, device = 'cpu' }: RerankerOptions,
  manifest: ModelManifest,
  config: EncoderConfig,
): void {
  if (dropping === undefined) return;
  const { layers } = config;
  for (const { path, message } of boundFaults(dropping)) check.tell(`dropping.${path}`, message);
  const read = depth ?? layers;
  const fault = guessFault(
    { keep: dropping.keep, guess: guessingDepth(manifest, read, dropping.depth) },
    guessingDepths(manifest, read),
    depth ?? appliedLayers(config).length,
  );
  if (fault) check.tell(fault.path, fault.message);
  if (device !== 'cpu')
    check.tell('dropping', 'documents are dropped on the processor alone; leave out the device');
  const isOwnResidual = read === layers && manifest.residual !== undefined;
  if (residual !== undefined || isOwnResidual)
    check.tell('dropping', 'smaller depths guess without residuals; leave out one of the two');
}

/** What is wrong with the depth that guesses. @param layers - Those that are computed of documents that are kept. */
function guessFault(
  { guess, keep }: Pick<DroppingOptions, 'keep'> & { readonly guess: number | undefined },
  depths: readonly number[],
  layers: number,
): { readonly path: 'dropping' | `dropping.${'depth' | 'keep'}`; readonly message: string } | undefined {
  if (depths.length === 0 || guess === undefined) {
    const message = 'the model has no smaller depth that tells which documents to drop; leave it out';
    return { path: 'dropping', message };
  }
  if (!depths.includes(guess))
    return { path: 'dropping.depth', message: `expected ${depths.join(' or ')}, got ${String(guess)}` };
  const most = 1 - guess / layers;
  if (!(keep >= most && keep < 1)) return undefined;
  return {
    path: 'dropping.keep',
    message: `expected less than ${most.toFixed(2)}, got ${keep}: guessing with ${guess} of ${layers} layers would cost more than it saves`,
  };
}

function boundFaults(dropping: DroppingOptions): ConfigurationIssue[] {
  const { keep, minKeep = defaultMinKeep, maxKeep } = dropping;
  const isCount = (value: number, least: number): boolean => Number.isInteger(value) && value >= least;
  const faults = unknownOptions(dropping, droppingNames);
  const tell = (path: string, expected: string, got: unknown): void =>
    void faults.push({ path, message: `expected ${expected}, got ${String(got)}` });
  if (!(Number.isFinite(keep) && keep > 0 && keep < 1)) tell('keep', 'a share above 0 and below 1', keep);
  if (!isCount(minKeep, 1)) tell('minKeep', 'a whole number of at least 1', minKeep);
  if (maxKeep !== undefined && !isCount(maxKeep, Math.max(1, minKeep)))
    tell('maxKeep', `a whole number of at least minKeep, ${minKeep}`, maxKeep);
  return faults;
}

const stoppingNames: OptionNames<StoppingOptions> = { page: true, risk: true };

function checkStopping(check: OptionCheck, { stopping, dropping }: RerankerOptions): void {
  if (stopping === undefined) return;
  for (const { path, message } of unknownOptions(stopping, stoppingNames))
    check.tell(`stopping.${path}`, message);
  const { page, risk } = stopping;
  if (page !== undefined && !(Number.isInteger(page) && page >= 1))
    check.tell('stopping.page', `expected a whole number of at least 1, got ${String(page)}`);
  if (risk !== undefined && !(Number.isFinite(risk) && risk > 0 && risk < 1))
    check.tell('stopping.risk', `expected a probability above 0 and below 1, got ${String(risk)}`);
  if (dropping !== undefined)
    check.tell(
      'stopping',
      'it reads documents in first-stage order, and dropping looks at all of them first; leave out one of the two',
    );
}
