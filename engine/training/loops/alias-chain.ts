/**
 * A ranking task that needs several hops, as generated data: documents say which name each name is an alias of, a query gives
 * a name and a number of hops, and the right document is the one of the name at the end of the chain.
 *
 * Source: pointer chasing, the p-hop task of arXiv:2502.17416 with the hops in the query.
 */

/** Sizes of the task. */
export interface AliasChainTask {
  /** Documents of a list, one a name: document `i` says which name `i` is an alias of. At least 2. */
  readonly names: number;
  /** Most hops that a query asks for, at least 1. */
  readonly maxHops: number;
}

/** One list. */
export interface AliasChain {
  /**
   * Token ids: a token a document, which is the name that it points to, then the query: the name that it starts at, and the
   * number of hops. Shape `[names + 2]`.
   */
  readonly tokens: Int32Array;
  /** Hops that the query asks for, 1 to `maxHops`. */
  readonly hops: number;
  /** Index of the right document. */
  readonly relevant: number;
}

/** Distinct tokens: the names, and a token for each number of hops. */
export const chainVocabulary = ({ names, maxHops }: AliasChainTask): number => names + maxHops;

/** Tokens of a list. */
export const chainTokens = ({ names }: AliasChainTask): number => names + 2;

/**
 * One list, drawn alike from all: every name points to any name, itself included.
 *
 * @param random - Numbers in [0, 1).
 * @param hops - @defaultValue drawn alike from 1 to `maxHops`
 */
export function drawAliasChain(
  { names, maxHops }: AliasChainTask,
  random: () => number,
  hops: number = 1 + Math.floor(random() * maxHops),
): AliasChain {
  const aliases = Array.from({ length: names }, () => Math.floor(random() * names));
  const start = Math.floor(random() * names);
  let relevant = start;
  for (let hop = 0; hop < hops; hop += 1) relevant = aliases[relevant]!;
  return { tokens: Int32Array.of(...aliases, start, names + hops - 1), hops, relevant };
}
