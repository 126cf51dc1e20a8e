/** Layers of a depth, which may be narrower than the model's: with fewer heads, or a smaller inner width. */
import { ModelFormatError } from '../errors.ts';
import { type EncoderConfig, type LayerSizes, layerSizes } from '../network/encoder-config.ts';
import type { TensorTable } from '../weights/safetensors.ts';

/** Start of the names of the tensors that a depth replaces: those of the layers. */
export const layerPrefix = 'encoder.layer.';

/** A depth, and the file that holds its layers. */
export interface DepthFile {
  /** The depth. */
  readonly depth: number;
  /** The file's path, for messages. */
  readonly path: string;
  /** Its tensors. */
  readonly table: TensorTable;
}

/**
 * The shape of a depth: its file says how many layers there are and how wide each is.
 *
 * @param config - The model's own shape, whose width and size of a head every layer has.
 * @returns with `narrow` where a layer is narrower than the model's.
 * @throws ModelFormatError when there are other than `depth` layers of the model's own width, more layers than the model has,
 * wider ones, or ones with no whole number of heads.
 */
export function configAtDepth({ depth, path, table }: DepthFile, config: EncoderConfig): EncoderConfig {
  const count = layersIn(table);
  const { heads, innerWidth } = config;
  const sizes = isCount(count, config.layers) ? sizesOf(table, count, config) : [];
  const isNarrow = sizes.some((own) => own.heads < heads || own.innerWidth < innerWidth);
  const wrong = sizes.findIndex((own) => !isCount(own.heads, heads) || !isCount(own.innerWidth, innerWidth));
  if (wrong < 0 && (isNarrow || count === depth)) {
    return { ...config, layers: count, narrow: isNarrow ? sizes : undefined };
  }
  const own = sizes[wrong];
  throw new ModelFormatError({
    path,
    expected: `${depth} layers, or up to ${config.layers} narrower ones, of at most ${heads} heads of ${config.width / heads} and an inner width of at most ${innerWidth}`,
    found: own
      ? `layer ${wrong} of ${own.heads} heads and an inner width of ${own.innerWidth}`
      : `${count} layers`,
  });
}

/** Layers whose tensors are there. */
export function layersIn(table: TensorTable): number {
  const numbers = [...table.keys()].flatMap((name) =>
    name.startsWith(layerPrefix) ? [Number.parseInt(name.slice(layerPrefix.length), 10)] : [],
  );
  return Math.max(-1, ...numbers) + 1;
}

/** Sizes of each layer; a tensor that is not there has the model's, and is missed by whoever reads it. */
function sizesOf(table: TensorTable, count: number, config: EncoderConfig): LayerSizes[] {
  const rows = (name: string): number | undefined => table.get(`${name}.weight`)?.shape[0];
  return Array.from({ length: count }, (_, layer) => {
    const name = `${layerPrefix}${layer}`;
    const query = rows(`${name}.attention.self.query`) ?? config.width;
    return {
      heads: (query * config.heads) / config.width,
      innerWidth: rows(`${name}.intermediate.dense`) ?? config.innerWidth,
    };
  });
}

const isCount = (value: number, most: number): boolean =>
  Number.isInteger(value) && value >= 1 && value <= most;

/** Shape of a layer's tensor at a depth. @param name - From {@link layerPrefix} on. @param shape - In the model's own layers. */
export function shapeAtDepth(
  name: string,
  shape: readonly number[],
  config: EncoderConfig,
): readonly number[] {
  const { heads, innerWidth } = layerSizes(config, Number.parseInt(name.slice(layerPrefix.length), 10));
  const values = (heads * config.width) / config.heads;
  if (/\.self\.\w+\.(weight|bias)$/.test(name)) return shape.with(0, values);
  if (/\.intermediate\.dense\.(weight|bias)$/.test(name)) return shape.with(0, innerWidth);
  if (name.endsWith('.attention.output.dense.weight')) return shape.with(1, values);
  return name.endsWith('.output.dense.weight') ? shape.with(1, innerWidth) : shape;
}
