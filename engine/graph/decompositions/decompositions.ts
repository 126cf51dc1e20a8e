/** The decomposition of every fused operator, and graphs that are made of primitives alone. */

import type { DecomposedType, OperationType } from '../operation-types.ts';
import { operationOf, operationsInOrder } from '../order.ts';
import type { Operation, Value } from '../value.ts';
import { quickGeluDecomposition } from './activation.ts';
import { attentionDecomposition } from './attention.ts';
import type { Decomposition } from './decomposition.ts';
import { addedRmsNormDecomposition, rmsNormDecomposition } from './normalisation.ts';
import { rotaryDecomposition } from './rotary.ts';

/** By type; a fused type without one does not compile. */
export const decompositions: Readonly<Record<DecomposedType, Decomposition>> = {
  SimplifiedLayerNormalization: rmsNormDecomposition,
  SkipSimplifiedLayerNormalization: addedRmsNormDecomposition,
  QuickGelu: quickGeluDecomposition,
  RotaryEmbedding: rotaryDecomposition,
  GroupQueryAttention: attentionDecomposition,
};

const isDecomposed = (type: OperationType): type is DecomposedType => type in decompositions;

/**
 * The same values computed by primitives alone: what every execution provider has, and what has a gradient. Operations
 * that are primitives already, over primitives, stay as they are: a second call gives what the first gave.
 */
export function toPrimitives(values: readonly Value[]): readonly Value[] {
  const made = new Map<Operation, readonly (Value | undefined)[]>();
  const rewritten = (value: Value): Value => {
    if (value.origin.kind !== 'operation') return value;
    return made.get(value.origin.operation)?.[value.origin.output] ?? value;
  };
  for (const operation of operationsInOrder(values)) {
    const { type, forms } = operation;
    const inputs = operation.inputs.map((each) => each && rewritten(each));
    if (isDecomposed(type)) {
      const outputs = decompositions[type]({ ...operation, inputs });
      // Axes keep the names that the graph gave them.
      const named = forms.map((form, i) => form && { ...form, origin: outputs[i]!.origin });
      made.set(operation, named);
    } else if (inputs.some((each, i) => each && operationOf(each) !== operationOf(operation.inputs[i]!))) {
      made.set(operation, withInputs(operation, inputs));
    }
  }
  return values.map(rewritten);
}

/** The outputs of the same operation over other inputs of the same forms. */
export function withInputs(
  operation: Operation,
  inputs: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const copy: Operation = { ...operation, inputs };
  return copy.forms.map(
    (form, output) => form && { ...form, origin: { kind: 'operation', operation: copy, output } },
  );
}
