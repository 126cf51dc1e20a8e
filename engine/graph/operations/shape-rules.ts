/** The shape rule of every operation: what knows all operations is exhaustive in the same way. */
import type { OperationType } from '../operation-types.ts';
import { elementwiseRules } from './elementwise.ts';
import { fusedRules } from './fused.ts';
import { linearRules } from './linear.ts';
import type { Rules } from './operation.ts';
import { quantisedRules } from './quantised.ts';
import { reductionRules } from './reduction.ts';
import { movementRules } from './shape.ts';

/** By type; a type without a rule does not compile. */
export const shapeRules: Rules<OperationType> = {
  ...elementwiseRules,
  ...linearRules,
  ...movementRules,
  ...reductionRules,
  ...fusedRules,
  ...quantisedRules,
};
