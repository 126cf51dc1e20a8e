/** What documents see of a query, as a worker gives it and as a graph is fed it. */
import type { TensorValue } from '../../graph/tensor.ts';
import type { Gates } from '../../model/gates-file.ts';
import { gatesName, keyValueNames, ownKeyValueNames } from '../../network/cross-attention.ts';
import type { EncoderConfig } from '../../network/encoder-config.ts';
import type { QueryState } from '../../readout/parameters.ts';
import { sharedCopy } from '../../session/shared-floats.ts';

/** Keys and values of a query block by the names that a graph takes them by, in shared memory. */
export type SeenTensors = Readonly<
  Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>
>;

/** A query block's state, and in the `in-context` profile what its documents see. */
export type QueryBlockState = QueryState & { readonly seen?: SeenTensors };

const partsSeen = ['keys', 'values'] as const;

/** Names of the outputs that {@link toSeen} reads; none without gates. */
export const seenOutputs = (gates: Gates | undefined): string[] =>
  [...(gates?.keys() ?? [])].flatMap((layer) => Object.values(ownKeyValueNames(layer)));

/** Takes what documents see out of a query block's answer; undefined without gates. */
export function toSeen(
  answer: Readonly<Record<string, TensorValue>>,
  gates: Gates | undefined,
): SeenTensors | undefined {
  if (!gates) return undefined;
  const tensors = [...gates.keys()].flatMap((layer) =>
    partsSeen.map((part) => {
      const { shape, data } = answer[ownKeyValueNames(layer)[part]]!;
      return [keyValueNames(layer)[part], { shape, data: sharedCopy(data as Float32Array) }] as const;
    }),
  );
  return Object.fromEntries(tensors);
}

/**
 * Feeds of `seenInputs`; none without gates.
 *
 * @param seen - Of the documents' query. @defaultValue nothing is seen: the gates that are fed are 0
 */
export function seenFeeds(
  gates: Gates | undefined,
  { width, heads }: EncoderConfig,
  seen: SeenTensors | undefined,
): Record<string, TensorValue> {
  const feeds: Record<string, TensorValue> = {};
  const D = width / heads;
  const nothing = new Float32Array(width);
  for (const [layer, gate] of gates ?? []) {
    const { keys, values } = keyValueNames(layer);
    const none = { type: 'float32', data: nothing } as const;
    feeds[gatesName(layer)] = {
      type: 'float32',
      shape: [heads],
      data: seen ? gate : new Float32Array(heads),
    };
    feeds[keys] = seen ? fed(seen[keys]!) : { ...none, shape: [1, heads, D, 1] };
    feeds[values] = seen ? fed(seen[values]!) : { ...none, shape: [1, heads, 1, D] };
  }
  return feeds;
}

/** The runtime takes memory of its own thread, not shared memory. */
const fed = ({ shape, data }: SeenTensors[string]): TensorValue => ({
  type: 'float32',
  shape,
  data: data.slice(),
});
