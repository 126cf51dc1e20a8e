/** The gradient of every operation: what is here is exhaustive in the same way as the shape rules. */
import type { OperationType } from '../operation-types.ts';
import { elementwiseGradients } from './elementwise.ts';
import { fusedGradients } from './fused.ts';
import type { Gradients } from './gradient.ts';
import { linearGradients } from './linear.ts';
import { movementGradients } from './movement.ts';
import { quantisedGradients } from './quantised.ts';
import { reductionGradients } from './reduction.ts';

/** By type; a type without an entry does not compile. */
export const gradients: Gradients<OperationType> = {
  ...elementwiseGradients,
  ...linearGradients,
  ...movementGradients,
  ...reductionGradients,
  ...fusedGradients,
  ...quantisedGradients,
};
