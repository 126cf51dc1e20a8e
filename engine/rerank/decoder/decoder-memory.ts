/** How much memory a request of the in-context profile takes, before it is run. */
import type { DecoderConfig } from '../../network/decoder-config.ts';
import { type KeyValueShape, keyValueBytes } from '../../states/key-values.ts';
import type { WeightTable } from '../../weights/weight-table.ts';

/** The sizes of one request, in tokens. */
export interface RequestSize {
  /** The instruction block. */
  readonly instruction: number;
  /** Each document's block. */
  readonly documents: readonly number[];
  /** The query block. */
  readonly query: number;
  /** Tokens of one batch. */
  readonly batchTokens: number;
  /** Bytes of weights that a run holds in another precision than their file's: {@link expandedBytes}. */
  readonly expandedBytes: number;
}

const floatBytes = 4;

/** Intermediate results that the runtime holds at once: what a layer reads, what it gives, and what it normalises. */
const copies = 3;

/**
 * Bytes that a request takes at its highest: keys and values of every token, and the larger of one batch of documents
 * and the query block's run over all of them. Measured beside what is taken by `npm run bench -- memory`.
 */
export function requestBytes(config: DecoderConfig, shape: KeyValueShape, size: RequestSize): number {
  const all = size.documents.reduce((sum, tokens) => sum + tokens, size.instruction);
  return all * keyValueBytes(shape) + batchRunBytes(config, shape, size) + size.expandedBytes;
}

/** The part of {@link requestBytes} that one run takes, on whatever device it runs. */
export function batchRunBytes(config: DecoderConfig, shape: KeyValueShape, size: RequestSize): number {
  const documents = size.documents.reduce((sum, tokens) => sum + tokens, 0);
  const all = size.instruction + documents;
  const longest = Math.max(size.instruction, ...size.documents);
  const batch = Math.min(documents, Math.max(size.batchTokens, longest));
  const batchRun = runBytes(config, { tokens: batch, keys: size.instruction + longest });
  const queryRun =
    runBytes(config, { tokens: size.query, keys: all }) + 2 * all * shape.tokenWidth * floatBytes;
  return Math.max(batchRun + batch * keyValueBytes(shape), queryRun);
}

/**
 * Bytes that a run takes to multiply weights of half precision where they lie: one layer's in float32, and once more the
 * largest of them in the order that a product reads. None for weights that are float32 already.
 */
export function expandedBytes(weights: WeightTable): number {
  const layer = [...weights].filter(([name]) => name.startsWith('model.layers.0.'));
  const bytes = layer
    .filter(([, { type }]) => type !== 'float32')
    .map(([, { shape }]) => shape.reduce((product, axis) => product * axis, floatBytes));
  return bytes.reduce((sum, each) => sum + each, 0) + Math.max(0, ...bytes);
}

/** One layer's intermediate results for `tokens` tokens that attend to `keys` each. */
function runBytes(
  { width, innerWidth, heads, headSize, keyValueHeads }: DecoderConfig,
  { tokens, keys }: { readonly tokens: number; readonly keys: number },
): number {
  const rows = 2 * width + 2 * innerWidth + 2 * heads * headSize + 2 * keyValueHeads * headSize;
  return tokens * (rows + copies * heads * keys) * floatBytes;
}

/** Bytes as people read them. */
export function readableBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power]}`;
}
