/** How often an encoder ranks the right document first, by hops and by loops. */
import { seededRandom } from '../../evaluation/random.ts';
import type { LoopedEncoder } from '../../rerank/encoder/looped-encoder.ts';
import { type AliasChainTask, chainTokens, drawAliasChain } from './alias-chain.ts';

/** What is measured. */
export interface ChainMeasure {
  /** The task that the encoder was trained on. */
  readonly task: AliasChainTask;
  /** Lists a number of hops, at least 1. */
  readonly lists: number;
  /** Draws the lists; another seed than in training. */
  readonly seed: number;
  /** How often the looped block is applied. @defaultValue as often as in training */
  readonly loops?: number;
}

/** Share of lists whose right document has the largest score, one number each for 1, 2 and so on hops; in [0, 1]. */
export async function chainAccuracy(
  encoder: LoopedEncoder,
  { task, lists, seed, loops }: ChainMeasure,
): Promise<number[]> {
  const random = seededRandom(seed);
  const accuracies: number[] = [];
  for (let hops = 1; hops <= task.maxHops; hops += 1) {
    const chains = Array.from({ length: lists }, () => drawAliasChain(task, random, hops));
    const { data } = await encoder.encode(
      chains.map(({ tokens }) => tokens),
      loops,
    );
    const states = data as Float32Array;
    const right = chains.filter(
      ({ relevant }, list) => firstDocument(states, { list, width: encoder.config.width, task }) === relevant,
    );
    accuracies.push(right.length / lists);
  }
  return accuracies;
}

/** Index of the document with the largest product with the query's last token; the first of equal ones. */
function firstDocument(
  states: Float32Array,
  { list, width, task }: { readonly list: number; readonly width: number; readonly task: AliasChainTask },
): number {
  const L = chainTokens(task);
  const token = (place: number): Float32Array =>
    states.subarray((list * L + place) * width, (list * L + place + 1) * width);
  const query = token(L - 1);
  const scores = Array.from({ length: task.names }, (_, document) =>
    token(document).reduce((sum, value, i) => sum + value * query[i]!, 0),
  );
  return scores.indexOf(Math.max(...scores));
}
