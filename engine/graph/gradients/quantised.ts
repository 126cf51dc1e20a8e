/** Gradients of operations on 8-bit integers: there are none. */
import type { QuantisedType } from '../operation-types.ts';
import type { Gradients } from './gradient.ts';

const notDifferentiable = 'it works on 8-bit integers';

/** By type. */
export const quantisedGradients: Gradients<QuantisedType> = {
  MatMulInteger: { notDifferentiable },
  MatMulIntegerToFloat: { notDifferentiable },
  QuantizeLinear: { notDifferentiable },
  DequantizeLinear: { notDifferentiable },
  DynamicQuantizeLinear: { notDifferentiable },
};
