/**
 * An encoder's graph cut in two, as one session and as two halves. It holds the weights once: whoever wants whole runs
 * gets both halves one after the other.
 */
import { toOnnx } from '../../graph/onnx.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import type { ExitFile } from '../../model/exit-file.ts';
import { type EncoderFeeds, type Precision, toEncoderFeeds } from '../../network/encoder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { firstHalf, secondHalf } from '../../network/encoder-cut.ts';
import type { Parameters } from '../../network/parameters.ts';
import type { GraphSession, SessionOptions } from '../../session/runtime.ts';
import { openSharedSession } from '../../session/shared-session.ts';
import type { HalfwayBlock } from '../../states/halfway.ts';
import { sharedCopy } from './cut-states.ts';

type Feeds = Readonly<Record<string, TensorValue>>;

/** Whose graph is cut. */
export interface CutNetwork {
  /** The network's shape. */
  readonly config: EncoderConfig;
  /** How matrices are multiplied. */
  readonly precision: Precision;
  /** Names the content of the weights. */
  readonly modelDigest: string;
}

/** See {@link openCutSession}. */
export interface CutSession {
  /** Both halves one after the other: what the session of the whole graph gives. */
  readonly whole: GraphSession;
  /** The first half over some blocks. */
  begin(blocks: readonly Int32Array[], padId: number): Promise<HalfwayBlock[]>;
  /** The second half over some blocks. @returns Their states, row-major, as long as the longest each. */
  finish(blocks: readonly HalfwayBlock[]): Promise<{ readonly rows: Float32Array; readonly longest: number }>;
}

/** Loads both halves. */
export async function openCutSession(
  { config, precision, modelDigest }: CutNetwork,
  parameters: Parameters,
  exit: ExitFile,
  options: SessionOptions,
): Promise<CutSession> {
  const cut = { afterLayer: exit.afterLayer, precision };
  const first = await openSharedSession(
    toOnnx(firstHalf(config, parameters, { ...cut, exit })),
    options,
    modelDigest,
  );
  const second = await openSharedSession(toOnnx(secondHalf(config, parameters, cut)), options, modelDigest);
  const { width } = config;
  const finish = async (hidden: TensorValue, feeds: Feeds): Promise<Record<string, TensorValue>> =>
    second.run(of(second, { ...feeds, hidden }), ['states']);
  return {
    whole: {
      inputs: first.inputs,
      outputs: second.outputs,
      async run(feeds) {
        const { hidden } = await first.run(of(first, feeds), ['hidden']);
        return finish(hidden!, feeds);
      },
      async release() {
        await Promise.all([first.release(), second.release()]);
      },
    },
    async begin(blocks, padId) {
      const feeds: EncoderFeeds = toEncoderFeeds(blocks, config, padId);
      const answer = await first.run(of(first, { ...feeds }), ['hidden', 'exits']);
      const longest = feeds.ids.shape[1]!;
      const [hidden, exits] = [answer['hidden']!, answer['exits']!].map(({ data }) => data as Float32Array);
      return blocks.map(({ length }, b) => ({
        length,
        exit: sharedCopy(exits!.subarray(b * width, (b + 1) * width)),
        hidden: sharedCopy(hidden!.subarray(b * longest * width, (b * longest + length) * width)),
      }));
    },
    async finish(blocks) {
      const longest = Math.max(...blocks.map(({ length }) => length));
      const data = new Float32Array(blocks.length * longest * width);
      for (const [b, { hidden }] of blocks.entries()) data.set(hidden, b * longest * width);
      const ids = blocks.map(({ length }) => new Int32Array(length));
      const hidden: TensorValue = { type: 'float32', shape: [blocks.length * longest, width], data };
      const { states } = await finish(hidden, { ...toEncoderFeeds(ids, config, 0) });
      return { rows: states!.data as Float32Array, longest };
    },
  };
}

/** What a session is fed of all that there is. */
function of({ inputs }: GraphSession, feeds: Feeds): Feeds {
  return Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)));
}
