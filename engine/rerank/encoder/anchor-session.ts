/** A smaller depth of the model that guesses anchors, in 8-bit integers whatever the documents are read in. */
import { toOnnx } from '../../graph/onnx.ts';
import { anchorGraph } from '../../network/anchor-graph.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { toEncoderFeeds } from '../../network/encoder-inputs.ts';
import { areIntegerProductsExact } from '../../session/integer-products.ts';
import type { SessionOptions } from '../../session/runtime.ts';
import { sharedCopy } from '../../session/shared-floats.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { WeightFile } from '../../weights/precision-weights.ts';

/** Whose anchors guess; structured-cloneable. */
export interface GuessingDepth {
  /** The network's shape. */
  readonly config: EncoderConfig;
  /** Where its weights lie, as 8-bit integers. */
  readonly weights: WeightFile;
  /** Names the content of the weights. */
  readonly modelDigest: string;
  /** The first stage's share in the choice of documents, in [0, 1]. */
  readonly firstStageWeight: number;
}

/** See {@link openAnchorSession}. */
export interface AnchorSession {
  /** The anchors of some blocks, L2-normalised, in shared memory. */
  guess(blocks: readonly Int32Array[], padId: number): Promise<Float32Array[]>;
  /** Frees it. */
  release(): Promise<void>;
}

/** Loads the graph of the anchors. */
export async function openAnchorSession(
  { config, weights, modelDigest }: GuessingDepth,
  options: Pick<SessionOptions, 'threads' | 'prepack'>,
): Promise<AnchorSession> {
  const graph = anchorGraph(config, fileParameters(weights.table, weights.file), 'int8');
  const session = await openSharedSession(
    toOnnx(graph),
    { ...options, folder: weights.folder, keepsSignedIntegers: await areIntegerProductsExact() },
    modelDigest,
  );
  const { width } = config;
  return {
    async guess(blocks, padId) {
      const { anchors } = await session.run({ ...toEncoderFeeds(blocks, config, padId) }, ['anchors']);
      const rows = anchors!.data as Float32Array;
      return blocks.map((_ids, b) => sharedCopy(rows.subarray(b * width, (b + 1) * width)));
    },
    release: () => session.release(),
  };
}
