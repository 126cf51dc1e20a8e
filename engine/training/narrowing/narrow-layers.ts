/**
 * Narrower layers in closed form: heads and inner values that cost least are left out, and what remains is fitted to give what
 * the whole part gave. A start for a smaller depth that is then trained towards the full one: far nearer to it than
 * whole layers that are left out.
 */
import { availableParallelism } from 'node:os';
import { toDocumentBlocks } from '../../blocks/document-blocks.ts';
import { ConfigurationError, type ConfigurationIssue } from '../../errors.ts';
import { seededRandom } from '../../evaluation/random.ts';
import { layerPrefix } from '../../model/depth-layers.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { matrixMultiplyAdds } from '../../network/multiply-adds.ts';
import { openLayerModel } from '../trainees/encoder-layer-model.ts';
import type { TrainedTensor, TrainedTensors } from '../trainer/trainee.ts';
import { chooseUnits } from './choose-units.ts';
import { fitMatrix } from './fit-matrix.ts';
import { type PartMoments, partMoments } from './part-moments.ts';
import { removalOrder } from './removal-order.ts';

/** What to narrow, and by what. */
export interface NarrowingOptions {
  /** Model folder. @defaultValue the model that comes with the package */
  readonly model?: string;
  /** Share of the multiply-adds of the layers' matrices that is kept, in (0, 1]. */
  readonly share: number;
  /** Documents that tell what may go; some hundred of each kind that will be read. */
  readonly texts: readonly string[];
  /** Seed of the random directions. @defaultValue 1 */
  readonly seed?: number;
  /** Told of each step. @defaultValue nobody */
  readonly onStep?: (text: string) => void;
}

/** See {@link narrowLayers}. */
export interface NarrowedLayers {
  /** Tensors of every layer by name, as float32. */
  readonly tensors: TrainedTensors;
  /** Heads of each layer. */
  readonly heads: readonly number[];
  /** Inner width of each layer. */
  readonly innerWidths: readonly number[];
}

/** Tokens of a batch, padding included. */
const batchTokens = 2048;

/**
 * Narrows every layer of an encoder.
 *
 * @throws ConfigurationError when the share is none, or leaves less than one head and one inner value a layer, when there is no
 * text, and for a model whose layers loop, or of the `in-context` profile. @throws ModelFormatError
 */
export async function narrowLayers({
  share,
  texts,
  seed = 1,
  onStep = () => {},
  ...options
}: NarrowingOptions): Promise<NarrowedLayers> {
  const model = await openLayerModel(options);
  const { config, weights, tensors } = model;
  assertOptions({ share, texts }, config);
  onStep(`reading ${texts.length} texts`);
  const blocks = texts.flatMap((text) => toDocumentBlocks(text, model.tokenizer, model.caps).blocks);
  const moments = await partMoments({
    config,
    weights,
    batches: toBatches(blocks),
    random: seededRandom(seed),
    threads: availableParallelism(),
  });
  const parts = moments.map((each, i) => toPart(each, { config, tensors, at: i }));
  const orders = parts.map((part) => {
    onStep(`what goes of ${part.name}`);
    return removalOrder(part);
  });
  const whole = config.layers * matrixMultiplyAdds(config);
  const choices = parts.map(({ unitCost }, i) => ({ unitCost, losses: orders[i]!.losses }));
  const kept = chooseUnits(choices, share * whole);
  const narrowed = new Map(tensors);
  for (const [i, part] of parts.entries()) {
    onStep(`fitting ${part.name}`);
    const gone = new Set(orders[i]!.order.slice(0, part.units - kept[i]!));
    narrowPart(narrowed, part, (unit) => !gone.has(unit));
  }
  return {
    tensors: narrowed,
    heads: kept.filter((_, i) => i % 2 === 0),
    innerWidths: kept.filter((_, i) => i % 2 === 1),
  };
}

function assertOptions(
  { share, texts }: Pick<NarrowingOptions, 'share' | 'texts'>,
  config: EncoderConfig,
): void {
  const { width: W, heads, innerWidth, blocks } = config;
  const least = (4 * W * (W / heads) + 2 * W) / matrixMultiplyAdds({ width: W, innerWidth });
  const issues: ConfigurationIssue[] = [];
  if (!(share >= least && share <= 1)) {
    const message = `expected a number from ${least.toFixed(3)} (one head and one inner value a layer) to 1, got ${share}`;
    issues.push({ path: 'share', message });
  }
  if (texts.length === 0)
    issues.push({ path: 'texts', message: 'expected some hundred documents, got none' });
  if (blocks) issues.push({ path: 'model', message: 'expected layers that do not loop' });
  if (issues.length > 0) throw new ConfigurationError('Cannot narrow the layers of the encoder', issues);
}

/** Blocks of similar lengths together. */
function toBatches(blocks: readonly Int32Array[]): Int32Array[][] {
  const batches: Int32Array[][] = [[]];
  for (const block of blocks.toSorted((a, b) => a.length - b.length)) {
    const batch = batches.at(-1)!;
    if (batch.length > 0 && (batch.length + 1) * block.length > batchTokens) batches.push([block]);
    else batch.push(block);
  }
  return batches;
}

/** A part with all that narrowing needs of it. */
interface Part extends PartMoments {
  /** Name of its last matrix, without `.weight`. */
  readonly name: string;
  /** Names of the matrices whose rows are the values that it reads, without `.weight`. */
  readonly before: readonly string[];
  /** Its last matrix, `[W, n]`. */
  readonly matrix: Float32Array;
  /** Values of a unit. */
  readonly unit: number;
  /** How many units there are. */
  readonly units: number;
  /** Multiply-adds a token of one unit in matrices. */
  readonly unitCost: number;
}

interface PartPlace {
  readonly config: EncoderConfig;
  readonly tensors: TrainedTensors;
  /** Two a layer. */
  readonly at: number;
}

function toPart(moments: PartMoments, { config, tensors, at }: PartPlace): Part {
  const { width: W, heads, innerWidth } = config;
  const layer = `${layerPrefix}${Math.floor(at / 2)}`;
  const isAttention = at % 2 === 0;
  const name = isAttention ? `${layer}.attention.output.dense` : `${layer}.output.dense`;
  const unit = isAttention ? W / heads : 1;
  return {
    ...moments,
    name,
    before: isAttention
      ? ['query', 'key', 'value'].map((each) => `${layer}.attention.self.${each}`)
      : [`${layer}.intermediate.dense`],
    matrix: tensors.get(`${name}.weight`)!.data,
    unit,
    units: isAttention ? heads : innerWidth,
    unitCost: (isAttention ? 4 : 2) * W * unit,
  };
}

/** Leaves out units of one part. */
function narrowPart(
  tensors: Map<string, TrainedTensor>,
  { name, before, mean, covariance, unit }: Part,
  isKept: (unit: number) => boolean,
): void {
  const [weight, bias] = [`${name}.weight`, `${name}.bias`];
  const matrix = tensors.get(weight)!;
  const kept = Array.from(mean, (_, value) => value).filter((value) => isKept(Math.floor(value / unit)));
  const fitted = fitMatrix(
    { matrix: matrix.data, bias: tensors.get(bias)!.data },
    { mean, covariance },
    kept,
  );
  tensors.set(weight, { shape: [matrix.shape[0]!, kept.length], data: fitted.matrix });
  tensors.set(bias, { shape: tensors.get(bias)!.shape, data: fitted.bias });
  for (const each of before.flatMap((own) => [`${own}.weight`, `${own}.bias`])) {
    const { shape, data } = tensors.get(each)!;
    const columns = shape[1] ?? 1;
    const rows = kept.flatMap((row) => [...data.subarray(row * columns, (row + 1) * columns)]);
    tensors.set(each, { shape: shape.with(0, kept.length), data: Float32Array.from(rows) });
  }
}
