/** Opens a reranker over an encoder's folder. */
import type { StateSource } from '../../contract.ts';
import { guessingDepth, type ModelAtDepth, modelAtDepth } from '../../model/depth.ts';
import { defaultModelFolder, type ModelFolder, openModelFolder } from '../../model/folder.ts';
import { withLoops } from '../../model/loops.ts';
import type { ModelManifest } from '../../model/manifest.ts';
import { modelWeights } from '../../model/model-weights.ts';
import { readPrecedents } from '../../model/precedents-file.ts';
import { readEncoderConfig } from '../../model/read-encoder-config.ts';
import { readHeads } from '../../model/readout-heads.ts';
import { type ResidualFile, readResidual, residualPath } from '../../model/residual-file.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { anchorLayers, layersWorth } from '../../network/multiply-adds.ts';
import { residualSizes } from '../../network/residuals.ts';
import type { WeighedPrecedents } from '../../readout/precedents.ts';
import type { RelevanceRules } from '../../scores/relevance.ts';
import { AnchorGuesses } from '../../states/anchor-guesses.ts';
import { layeredSource } from '../../states/layered-source.ts';
import { lmdbSource } from '../../states/lmdb-source.ts';
import { defaultStateCacheBytes, memorySource } from '../../states/memory-source.ts';
import { StateEncoder } from '../../states/state-encoder.ts';
import { opened } from '../opened.ts';
import type { RerankerOptions } from '../reranker-options.ts';
import type { GuessingDepth } from './anchor-session.ts';
import { Dropping, toKeepBounds } from './dropping.ts';
import { type EncoderSettings, toInfo, wholeTextDigests } from './encoder-info.ts';
import { assertCacheableOptions } from './encoder-options.ts';
import { choosePlaces } from './encoder-places.ts';
import type { EncoderProgramData } from './encoder-program-data.ts';
import { toProgramData } from './encoder-program-data.ts';
import { EncoderReranker } from './encoder-reranker.ts';
import { openEncoderWorkers, toBatchOptions } from './open-encoder-workers.ts';
import type { StateReader } from './rank-states.ts';
import { Stopping, toStoppingBounds } from './stopping.ts';
import { warmUp } from './warm-up.ts';

/**
 * Opens an encoder of the `cacheable` profile, with all that tuning and readouts of one's own need.
 *
 * @throws ConfigurationError listing every option that cannot be. @throws ModelFormatError when the folder is none of
 * an encoder. @throws InferenceError when the runtime cannot load it.
 */
export async function openEncoderReranker(options: RerankerOptions = {}): Promise<EncoderReranker> {
  try {
    return await open(options);
  } catch (error) {
    await options.stateSource?.close();
    throw error;
  }
}

async function open(options: RerankerOptions): Promise<EncoderReranker> {
  const { model, whole } = await openModel(options);
  const { folder, config } = model;
  const { digests, ...reading } = await openReading(model, options);
  const residual = await openResidual(options, model);
  const places = await choosePlaces(options);
  const guessing = await openGuessingDepth(options, whole, model.depth);
  const data: EncoderProgramData = { ...(await toProgramData(options, model, places)), residual, guessing };
  const { encoding, workers } = await openEncoderWorkers(options, data, places);
  const source = sourceOf(options);
  const bounds = options.dropping && toKeepBounds(options.dropping);
  const { stateCodec } = options;
  const stopping = options.stopping && toStoppingBounds(options.stopping);
  const { readout, relevance } = reading;
  const settings = { ...digests, data, places, stateCodec, readout, relevance, dropping: bounds, stopping };
  const info = toInfo(model, settings, () => encoding.isOpen);
  const batching = toBatchOptions(data, places, workers);
  const states = new StateEncoder({
    encodingDigest: info.encodingDigest,
    wholeTextDigests: wholeTextDigests(model, settings),
    width: config.width,
    encoding,
    source,
    tier: data.tier,
    ...(stateCodec && { codec: stateCodec }),
    ...batching,
  });
  const reader = { ...reading, workers: encoding };
  const reranker = new EncoderReranker({
    info,
    modelFolder: folder.path,
    precision: places.precision,
    width: config.width,
    ...reader,
    states,
    dropping:
      guessing &&
      bounds &&
      new Dropping({
        ...bounds,
        firstStageWeight: guessing.firstStageWeight,
        layers: {
          guess: anchorLayers(guessing.config),
          whole: layersWorth(config),
        },
        reader,
        states,
        guesses: new AnchorGuesses(encoding, batching),
      }),
    stopping: stopping && new Stopping({ ...stopping, ...reader, fusionWeight: info.fusionWeight }),
    close: async () => {
      await encoding.close();
      await source.close();
    },
  });
  return opened(reranker, async () => {
    if (options.warmUp ?? true) await warmUp(encoding, data.caps, places, workers);
  });
}

/** A model's folder, and its shape at the full depth. */
interface WholeModel {
  readonly folder: ModelFolder;
  readonly config: EncoderConfig;
}

/** The model at its depth and with its loops; the other options are checked against it. */
async function openModel(
  options: RerankerOptions,
): Promise<{ readonly model: ModelAtDepth; readonly whole: WholeModel }> {
  const folder = await openModelFolder(options.model ?? defaultModelFolder());
  const config = await readEncoderConfig(folder.path);
  assertCacheableOptions(options, folder, config);
  const { queries, ...model } = withLoops(await modelAtDepth(folder, config, options.depth), options.loops);
  // A residual is trained with queries at its depth, and is of no other.
  const asAsked = options.residual === undefined ? { ...model, queries } : model;
  return { model: asAsked, whole: { folder, config } };
}

/** Where states are kept: in memory, and before what the options name. */
function sourceOf(options: RerankerOptions): StateSource {
  const memory = memorySource({ maxBytes: options.stateCacheBytes ?? defaultStateCacheBytes });
  const kept = keptSource(options);
  return kept ? layeredSource(memory, kept) : memory;
}

/** The depth that guesses which documents are worth reading; undefined where none are dropped. */
async function openGuessingDepth(
  { dropping, cacheFolder }: RerankerOptions,
  whole: WholeModel,
  readDepth: number,
): Promise<GuessingDepth | undefined> {
  if (!dropping) return undefined;
  const { manifest } = whole.folder;
  const depth = guessingDepth(manifest, readDepth, dropping.depth)!;
  const model = await modelAtDepth(whole.folder, whole.config, depth);
  return {
    config: model.config,
    weights: await modelWeights('int8', model, cacheFolder),
    modelDigest: model.folder.digest,
    firstStageWeight: manifest.depths[depth]!.dropping!.firstStageWeight,
  };
}

/** How states are read, and digests of the files that say so. */
async function openReading(
  model: ModelAtDepth,
  options: RerankerOptions,
): Promise<
  Omit<StateReader, 'workers'> & { readonly digests: Pick<EncoderSettings, 'headsDigest' | 'precedents'> }
> {
  const { folder, config } = model;
  const { heads, readout } = folder.manifest;
  const trained = heads === undefined ? undefined : await readHeads(folder.path, heads, config.width);
  const judged = await openPrecedents(model, options);
  return {
    readout: { ...readout, ...options.readout },
    heads: trained?.heads,
    precedents: judged?.precedents,
    relevance: rulesOf(model, options),
    digests: {
      headsDigest: trained?.digest,
      precedents: judged && { ...judged.precedents.kernel, digest: judged.digest },
    },
  };
}

/** The model's precedents, unless the options give queries other anchors than those that it was fitted with. */
async function openPrecedents(
  { folder: { manifest, path }, config }: ModelAtDepth,
  { residual, loops }: RerankerOptions,
): Promise<{ readonly precedents: WeighedPrecedents; readonly digest: string } | undefined> {
  if (!manifest.precedents || loops !== undefined || !isOwnResidual(manifest, residual)) return undefined;
  const { file, ...kernel } = manifest.precedents;
  const { precedents, digest } = await readPrecedents(path, file, config.width);
  return { precedents: { ...precedents, kernel }, digest };
}

const isOwnResidual = ({ residual }: ModelManifest, asked: string | undefined): boolean =>
  asked === undefined || asked === residual;

/** The model's rules of relevance, unless the options change the numbers that they were fitted to. */
function rulesOf(
  { folder: { manifest } }: ModelAtDepth,
  { readout = {}, residual, loops }: RerankerOptions,
): RelevanceRules | undefined {
  const { tokenTau = manifest.readout.tokenTau } = readout;
  const isAsFitted =
    tokenTau === manifest.readout.tokenTau && loops === undefined && isOwnResidual(manifest, residual);
  return isAsFitted ? manifest.relevance : undefined;
}

async function openResidual(
  options: RerankerOptions,
  { folder, config }: ModelAtDepth,
): Promise<ResidualFile | undefined> {
  const { digest, manifest, path } = folder;
  const residual = options.residual ?? manifest.residual;
  if (residual === undefined) return undefined;
  const base = { digest, name: manifest.name, ...residualSizes(config) };
  return readResidual(residualPath(path, residual), base);
}

/** Where states are kept between runs: the folder, in front of the source that was given. */
function keptSource({ stateFolder, stateSource, stateCodec }: RerankerOptions): StateSource | undefined {
  if (stateFolder === undefined) return stateSource;
  const folder = lmdbSource({ folder: stateFolder, ...(stateCodec && { codec: stateCodec }) });
  return stateSource ? layeredSource(folder, stateSource) : folder;
}
