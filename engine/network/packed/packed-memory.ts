/** How many bytes one run of a list takes besides the weights, known before it is run. Axes: see `packed-decoder.ts`. */
import type { DecoderConfig } from '../decoder-config.ts';
import type { PackedForm } from './packed-form.ts';
import type { PackedLayout } from './packed-layout.ts';

/** What the bytes of a run depend on. */
export interface PackedSize {
  /** The network's shape. */
  readonly config: DecoderConfig;
  /** The list's layout. */
  readonly layout: PackedLayout;
  /** What the layout was made for. */
  readonly form: PackedForm;
  /** Type of products. */
  readonly type: 'float32' | 'float16';
  /**
   * Whether the fused operator keeps a matrix of logits all the same, as it does on a processor.
   * @defaultValue false
   */
  readonly keepsLogits?: boolean;
  /** Whether the query blocks' attention is read, and so computed by products. @defaultValue false */
  readonly isRead?: boolean;
}

const floatBytes = 4;

/**
 * Bytes of a run's intermediate results at their highest: in a layer's attention, where all blocks' results meet, or in
 * its feed-forward part, whichever is more. Compared with the counted sizes of the graph in a test.
 */
export function packedBytes(size: PackedSize): number {
  const { config, layout, type } = size;
  const { width, headSize, innerWidth } = config;
  const each = type === 'float16' ? 2 : floatBytes;
  const stream = layout.tokens * width * each;
  const turns = 2 * layout.tokens * headSize * each;
  // Behind the products of gate and up, what they read is gone: the sum stays, and gate, up and what is made of a gate.
  const feedForward = stream + 3 * layout.tokens * innerWidth * each;
  return turns + Math.max(feedForward, stream + attentionBytes(size));
}

/** One layer's attention: queries, keys and values of all tokens, and the blocks one after another. */
function attentionBytes(size: PackedSize): number {
  const { config, layout, form, type } = size;
  const { heads, keyValueHeads, headSize } = config;
  const each = type === 'float16' ? 2 : floatBytes;
  const queryWidth = heads * headSize * each;
  const keyWidth = 2 * keyValueHeads * headSize * each;
  const held = layout.tokens * (queryWidth + keyWidth) + layout.seen * keyWidth;
  const blocks = blocksOf(size);
  const rows = blocks.reduce((sum, { sequences, own }) => sum + sequences * own, 0);
  const run = Math.max(...blocks.map((block) => blockBytes(block, size)));
  // At the end all results stand side by side, then in one matrix, then in the order of the tokens.
  const joined = form.context === 'causal' ? 2 * rows : 2 * rows + layout.tokens;
  return Math.max(held + rows * queryWidth + run, joined * queryWidth);
}

/** Sequences of like length: tokens of each, and tokens that each sees before them. */
interface BlockSize {
  readonly sequences: number;
  readonly own: number;
  readonly before: number;
  readonly isFused: boolean;
}

function blocksOf({ layout, form, isRead = false }: PackedSize): BlockSize[] {
  const isFused = form.attention === 'fused';
  const { instruction, queries } = layout.size;
  const asked = queries.map((own) => ({
    sequences: 1,
    own,
    before: layout.seen,
    isFused: isFused && !isRead,
  }));
  if (form.context === 'causal') return [{ sequences: 1, own: layout.seen, before: 0, isFused }, ...asked];
  const documents = layout.buckets.map(({ from, to, longest }) => ({
    sequences: to - from,
    own: isFused ? instruction + longest : longest,
    before: isFused ? 0 : instruction,
    isFused,
  }));
  return [...documents, ...asked];
}

/** What one block takes besides its result: its rows, and by products several matrices of logits. */
function blockBytes(
  { sequences, own, before, isFused }: BlockSize,
  { config, type, keepsLogits = false }: PackedSize,
): number {
  const { heads, keyValueHeads, headSize } = config;
  const each = type === 'float16' ? 2 : floatBytes;
  const rows = sequences * own * (heads + 2 * keyValueHeads) * headSize * each;
  const all = before + own;
  const present = 2 * sequences * all * keyValueHeads * headSize * each;
  const logits = sequences * heads * own * all * floatBytes;
  if (isFused) return rows + present + (keepsLogits ? logits : 0);
  // Logits over what is seen and over own tokens, and both joined; then those and their softmax, of which a part is cast.
  return 2 * rows + 2.25 * logits;
}

/** Bytes of the weights that a run reads, as a device holds them. @param layers - Layers computed whole. */
export function packedWeightBytes(
  { width: W, vocabulary, heads, keyValueHeads, headSize: D, innerWidth: F }: DecoderConfig,
  { layers, type }: { readonly layers: number; readonly type: 'float32' | 'float16' },
): number {
  const attention = 2 * W * heads * D + 2 * W * keyValueHeads * D;
  const scoring = W * (heads + keyValueHeads) * D;
  const values = vocabulary * W + layers * (attention + 3 * W * F) + scoring;
  return values * (type === 'float16' ? 2 : floatBytes);
}
