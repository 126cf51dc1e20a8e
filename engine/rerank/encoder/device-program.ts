/**
 * What a device's worker runs of an encoder: the network alone, one batch a task. Everything else that a list needs is
 * done on processor workers meanwhile, since a device waits for its one thread.
 */
import { toOnnx } from '../../graph/onnx.ts';
import { cast } from '../../graph/operations/index.ts';
import type { Gates } from '../../model/gates-file.ts';
import { seenInputs } from '../../network/cross-attention.ts';
import { encoderGraph } from '../../network/encoder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { toEncoderFeeds } from '../../network/encoder-inputs.ts';
import type { WorkerProgram } from '../../session/messages.ts';
import type { ExecutionProvider } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import type { WeightFile } from '../../weights/precision-weights.ts';
import { residualFeeds, residualOf, type SharedResidual } from './residual-feeds.ts';
import { type SeenTensors, seenFeeds } from './seen-feeds.ts';

/** What a device's worker needs to open the program; structured-cloneable. */
export interface EncoderDeviceData {
  /** The network's shape. */
  readonly config: EncoderConfig;
  /** Where the float32 weights lie: the file that the processor workers map. */
  readonly weights: WeightFile;
  /** Names the model's content. */
  readonly modelDigest: string;
  /** How matrices are multiplied. */
  readonly precision: 'fp32' | 'fp16';
  /** Whether token vectors are wanted, or one vector a block. */
  readonly tier: 'tokens' | 'anchor';
  /** What computes. */
  readonly provider: ExecutionProvider;
  /** Learned sums over the weights. @defaultValue none */
  readonly residual?: SharedResidual | undefined;
  /** Gates through which documents see the query. @defaultValue none */
  readonly gates?: Gates | undefined;
}

/** One batch. */
export interface DeviceBatch {
  /** Blocks of token ids. */
  readonly blocks: readonly Int32Array[];
  /** What the blocks see of a query. @defaultValue nothing */
  readonly seen?: SeenTensors | undefined;
  /** Memory that the answer may be written to, where it is large enough: new memory takes longer than the copy. */
  readonly spare?: SharedArrayBuffer | undefined;
}

/** The vectors of a batch as they come from the device, in one piece. */
export interface DeviceStates {
  /**
   * Tier `anchor`: one vector a block, float32. Tier `tokens`: every token's, padding included, in shared memory; of
   * precision `fp16` the bits of halves.
   */
  readonly rows: Float32Array | Uint16Array;
  /** Vectors a block in `rows`. */
  readonly rowsPerBlock: number;
}

/** Padding is never attended to, so any id does. */
const padId = 0;

/** Opens the program in this thread. */
export async function open(data: unknown): Promise<WorkerProgram<DeviceBatch, DeviceStates>> {
  const { config, weights, modelDigest, precision, tier, provider, residual, gates } =
    data as EncoderDeviceData;
  const outputs = encoderGraph(config, fileParameters(weights.table, weights.file), {
    precision,
    residual: residual && residualOf(residual),
    seen: gates && seenInputs(config, [...gates.keys()]),
  });
  // Half of the bytes come over the bus where the numbers are no finer than that anyway.
  const states = cast(outputs.states, precision === 'fp16' ? 'float16' : 'float32');
  const rows = tier === 'anchor' ? outputs.anchors : states;
  // Casts of weights are worked out once, when the graph is loaded.
  const options = { folder: weights.folder, threads: 1, prepack: true, provider };
  const session = await openSharedSession(toOnnx({ rows }), options, modelDigest);
  return {
    async run({ blocks, seen, spare }) {
      const feeds = toEncoderFeeds(blocks, config, padId);
      const all = { ...feeds, ...residualFeeds(residual), ...seenFeeds(gates, config, seen) };
      const { rows: given } = await session.run(all, ['rows']);
      const values = given!.data as DeviceStates['rows'];
      if (tier === 'anchor') return { rows: values, rowsPerBlock: 1 };
      return { rows: toShared(values, spare), rowsPerBlock: feeds.ids.shape[1]! };
    },
    close: () => session.release(),
  };
}

/** The one copy of a batch on the processor's side: what is shared goes from thread to thread without another. */
function toShared(values: DeviceStates['rows'], spare: SharedArrayBuffer | undefined): DeviceStates['rows'] {
  const { byteLength, length } = values;
  const memory = spare && spare.byteLength >= byteLength ? spare : new SharedArrayBuffer(byteLength);
  const copy =
    values instanceof Uint16Array ? new Uint16Array(memory, 0, length) : new Float32Array(memory, 0, length);
  copy.set(values);
  return copy;
}
