/** The forms in which block states are kept, by name. */
import { type Pruning, type PruningRule, pruningRules } from './codec-pruning.ts';
import type { StatePrecision } from './codec-rows.ts';

/**
 * A form in which block states are kept. Bytes a document of one block, for width `W` and `n` tokens kept:
 * 64 of head, then `2 W` (`fp16`) or `W + 4` (`int8`) a vector, one vector in tier `anchor` and `1 + n` in tier
 * `tokens`. So an anchor of 384 values takes 768 or 388 bytes beside the head.
 */
export interface StateCodec {
  /** Its name, as {@link stateCodec} reads it. */
  readonly name: string;
  /** One vector a block, or one a token too. */
  readonly tier: 'anchor' | 'tokens';
  /** Half precision, or 8-bit integers with one scale a vector. */
  readonly precision: StatePrecision;
  /** The bound on token vectors. Absent: all tokens are kept. */
  readonly pruning?: Pruning;
}

/** The rule of a bound that names no rule. */
const defaultRule: PruningRule = 'pool';
const largestBound = 1_000_000;
const expected = `expected anchor-fp16, anchor-int8, tokens-fp16 or tokens-int8; of tokens also at most n a document, as in tokens-int8:32, and by which rule, as in tokens-int8:32:attention (${pruningRules.join(', ')})`;

/** Every vector in half precision: the form that sources keep by default. */
export const completeCodec: StateCodec = { name: 'tokens-fp16', tier: 'tokens', precision: 'fp16' };

/**
 * The codec of a name: `anchor-fp16`, `anchor-int8`, `tokens-fp16`, `tokens-int8`; of tokens with a bound too:
 * `tokens-int8:32` keeps at most 32 vectors a document, by the rule `pool` or the one named after it, as in
 * `tokens-int8:32:attention`.
 *
 * @throws RangeError when the name is unknown.
 */
export function stateCodec(name: string): StateCodec {
  const parts = /^(anchor|tokens)-(fp16|int8)(?::(\d{1,7})(?::([a-z]+))?)?$/.exec(name);
  const [, tier, precision, bound, rule = defaultRule] = parts ?? [];
  const known = pruningRules.find((each) => each === rule);
  const maxTokens = bound === undefined ? undefined : Number(bound);
  const isSound =
    parts &&
    known &&
    (maxTokens === undefined || (tier === 'tokens' && maxTokens >= 1 && maxTokens <= largestBound));
  if (!isSound) throw new RangeError(`${expected}; got ${JSON.stringify(name)}`);
  return {
    name,
    tier: tier as StateCodec['tier'],
    precision: precision as StatePrecision,
    ...(maxTokens !== undefined && { pruning: { maxTokens, rule: known } }),
  };
}
