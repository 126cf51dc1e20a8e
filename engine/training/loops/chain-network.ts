/**
 * An encoder that ranks the documents of an alias chain. Axes: `B` lists of a batch, `L` tokens of each, `N` documents, `W`
 * width.
 */
import * as g from '../../graph/operations/index.ts';
import type { TensorValue } from '../../graph/tensor.ts';
import { input, scalar, times, type Value } from '../../graph/value.ts';
import { encoderLayers } from '../../network/encoder.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import { toEncoderFeeds } from '../../network/encoder-inputs.ts';
import type { LoopBlocks } from '../../network/loops.ts';
import type { Parameters } from '../../network/parameters.ts';
import { logSumExp } from '../losses/softmax.ts';
import { type AliasChain, type AliasChainTask, chainTokens, chainVocabulary } from './alias-chain.ts';

/** Sizes of the network. */
export interface ChainNetwork {
  /** Values a vector. */
  readonly width: number;
  /** Attention heads. */
  readonly heads: number;
  /** Inner width of the feed-forward part. */
  readonly innerWidth: number;
  /** Layers with weights of their own. */
  readonly blocks: LoopBlocks;
  /** How often the looped block is applied. */
  readonly loops: number;
}

/** The encoder's shape for a task. */
export function chainConfig({ blocks, ...network }: ChainNetwork, task: AliasChainTask): EncoderConfig {
  return {
    ...network,
    blocks,
    layers: blocks.prefix + blocks.loop + blocks.suffix,
    positions: chainTokens(task),
    vocabulary: chainVocabulary(task),
    tokenTypes: 1,
    epsilon: 1e-5,
  };
}

/**
 * Logits of each list's documents, float32 `[B, N]`: the product of the query's last token and the document's token, as
 * attention scores documents.
 */
export function chainLogits(config: EncoderConfig, task: AliasChainTask, parameters: Parameters): Value {
  return logitsOfStates(encoderLayers(config, parameters, { precision: 'fp32' }).at(-1)!, task);
}

/** {@link chainLogits} from last hidden states. @param states - `[B·L, W]`. */
export function logitsOfStates(states: Value, task: AliasChainTask): Value {
  const [L, W] = [chainTokens(task), Number(states.shape[1])];
  const lists = g.reshape(states, ['B', L, W], [-1, L, W]);
  const documents = g.slice(lists, { axis: 1, start: 0, end: task.names });
  const query = g.slice(lists, { axis: 1, start: L - 1, end: L });
  const products = g.matmul(query, g.turned(documents)); // [B, 1, N]
  return g.multiply(g.reshape(products, ['B', task.names], [-1, task.names]), scalar(1 / Math.sqrt(W)));
}

/** Mean cross-entropy of the right documents, float32 `[]`. @param logits - `[B, N]`. */
export function chainLoss(logits: Value): Value {
  const relevant = input('relevant', 'float32', logits.shape);
  const given = g.sumLast(g.multiply(logits, relevant));
  const sum = g.sumOver(g.subtract(logSumExp(logits), given), [0, 1], { keeps: false });
  return g.divide(sum, g.sumOver(relevant, [0, 1], { keeps: false }));
}

/** What the encoder's graph is fed of some lists. */
export function toChainFeeds(
  chains: readonly Pick<AliasChain, 'tokens'>[],
  config: EncoderConfig,
): Record<string, TensorValue> {
  return {
    ...toEncoderFeeds(
      chains.map(({ tokens }) => tokens),
      config,
      0,
    ),
  };
}

/** What {@link chainLoss} is fed: 1 for each list's right document. */
export function toRelevantFeed(chains: readonly AliasChain[], { names }: AliasChainTask): TensorValue {
  const data = new Float32Array(times(chains.length, names) as number);
  chains.forEach(({ relevant }, b) => {
    data[b * names + relevant] = 1;
  });
  return { type: 'float32', shape: [chains.length, names], data };
}
