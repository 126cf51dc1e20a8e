/**
 * An encoder whose layers loop, opened so that each call says how often. Three sessions hold the weights once; one more loop is
 * one more call of the looped block's session, and takes no memory more.
 */
import { join } from 'node:path';
import { toOnnx } from '../../graph/onnx.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { Value } from '../../graph/value.ts';
import { readEncoderConfig } from '../../model/read-encoder-config.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { toEncoderFeeds } from '../../network/encoder-inputs.ts';
import { hiddenName, loopedGraphs, nextName } from '../../network/looped-encoder.ts';
import { type ExecutionProvider, type GraphSession, openSession } from '../../session/runtime.ts';
import { fileParameters } from '../../weights/file-parameters.ts';
import { readTensorTable } from '../../weights/safetensors.ts';

const weightsFile = 'model.safetensors';
/** Padding is never attended to, so any id does. */
const padId = 0;

/** How an encoder is opened. */
export interface LoopedEncoderOptions {
  /** Threads of one run. @defaultValue 1 */
  readonly threads?: number;
  /** What computes. @defaultValue `'cpu'` */
  readonly provider?: ExecutionProvider;
}

/** See the file's header. One call at a time. */
export class LoopedEncoder {
  /** The network's shape; `loops` are those that it was trained with. */
  readonly config: EncoderConfig;
  readonly #sessions: readonly [prefix: GraphSession, loop: GraphSession, suffix: GraphSession];

  private constructor(config: EncoderConfig, sessions: readonly [GraphSession, GraphSession, GraphSession]) {
    this.config = config;
    this.#sessions = sessions;
  }

  /**
   * Opens the `config.json` and the `model.safetensors` of a folder.
   *
   * @throws ModelFormatError when the folder is none of an encoder. @throws RangeError when its layers do not loop.
   * @throws InferenceError when the runtime cannot load it.
   */
  static async open(
    folder: string,
    { threads = 1, provider = 'cpu' }: LoopedEncoderOptions = {},
  ): Promise<LoopedEncoder> {
    const config = await readEncoderConfig(folder);
    const tensors = await readTensorTable(join(folder, weightsFile));
    const table = new Map([...tensors].map(([name, entry]) => [name, { ...entry, file: weightsFile }]));
    const parameters = fileParameters(table, join(folder, weightsFile));
    const { prefix, loop, suffix } = loopedGraphs(config, parameters, {
      precision: 'fp32',
      normalise: false,
    });
    const opened: GraphSession[] = [];
    try {
      for (const outputs of [prefix, loop, { states: suffix.states }] as Record<string, Value>[]) {
        opened.push(await openSession(toOnnx(outputs), { folder, threads, prepack: true, provider }));
      }
    } catch (error) {
      for (const session of opened) await session.release();
      throw error;
    }
    return new LoopedEncoder(config, opened as [GraphSession, GraphSession, GraphSession]);
  }

  /**
   * Last hidden states of some blocks, float32 `[B·L, W]`, as `encoderGraph` gives them before they are normalised.
   *
   * @param loops - How often the looped block is applied, at least 1. @defaultValue as often as in training
   * @throws RangeError for another number. @throws InferenceError
   */
  async encode(blocks: readonly Int32Array[], loops: number = this.config.loops ?? 1): Promise<TensorValue> {
    if (!Number.isInteger(loops) || loops < 1) {
      throw new RangeError(`encode: expected a whole number of loops from 1, got ${loops}.`);
    }
    const feeds: Record<string, TensorValue> = { ...toEncoderFeeds(blocks, this.config, padId) };
    const [prefix, loop, suffix] = this.#sessions;
    // A block may be of no layers: the runtime refuses what a graph does not read.
    const run = async (session: GraphSession, hidden: TensorValue | undefined, output: string) => {
      const all = hidden ? { ...feeds, [hiddenName]: hidden } : feeds;
      const read = Object.entries(all).filter(([name]) => session.inputs.has(name));
      return (await session.run(Object.fromEntries(read), [output]))[output]!;
    };
    let hidden = await run(prefix, undefined, nextName);
    for (let each = 0; each < loops; each += 1) hidden = await run(loop, hidden, nextName);
    return run(suffix, hidden, 'states');
  }

  /** Frees the sessions. */
  async close(): Promise<void> {
    for (const session of this.#sessions) await session.release();
  }
}
