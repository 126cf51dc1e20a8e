/** Every operation that a graph may hold. A type that stands here and has no shape rule does not compile. */

/** Operations on each element by itself. */
export type ElementwiseType =
  | 'Add'
  | 'Sub'
  | 'Mul'
  | 'Div'
  | 'Max'
  | 'Abs'
  | 'Sqrt'
  | 'Exp'
  | 'Log'
  | 'Greater'
  | 'Round'
  | 'Erf'
  | 'Sigmoid'
  | 'Cast';
/** Matrix products. */
export type LinearType = 'MatMul' | 'Gemm';
/** Operations that move elements. */
export type MovementType =
  | 'Reshape'
  | 'Unsqueeze'
  | 'Transpose'
  | 'Slice'
  | 'Concat'
  | 'Gather'
  | 'ScatterND'
  | 'Expand'
  | 'Shape'
  | 'Identity';
/** Operations that fold an axis, or run along one. */
export type ReductionType = 'ReduceSum' | 'ReduceMax' | 'CumSum';
/** Operations that take several steps in one operator. */
export type FusedType =
  | 'Softmax'
  | 'Gelu'
  | 'LayerNormalization'
  | 'SimplifiedLayerNormalization'
  | 'SkipSimplifiedLayerNormalization'
  | 'QuickGelu'
  | 'RotaryEmbedding'
  | 'GroupQueryAttention';
/** Operations on 8-bit integers. */
export type QuantisedType =
  | 'MatMulInteger'
  | 'MatMulIntegerToFloat'
  | 'DequantizeLinear'
  | 'QuantizeLinear'
  | 'DynamicQuantizeLinear';

/** ONNX's name of an operation. */
export type OperationType =
  | ElementwiseType
  | LinearType
  | MovementType
  | ReductionType
  | FusedType
  | QuantisedType;

/**
 * Fused operations that are made of primitives where a graph is differentiated. The others count as primitives there: every
 * provider has them, and they take one pass over memory where their parts would take several.
 */
export type DecomposedType = Exclude<FusedType, 'Softmax' | 'Gelu' | 'LayerNormalization'>;

/** Who defines an operator: ONNX itself, or ONNX Runtime. */
export type OperatorSet = '' | 'com.microsoft';

const ofRuntime: ReadonlySet<OperationType> = new Set<OperationType>([
  'Gelu',
  'QuickGelu',
  'RotaryEmbedding',
  'SkipSimplifiedLayerNormalization',
  'GroupQueryAttention',
  'MatMulIntegerToFloat',
]);

/** The operator set of an operation. */
export const operatorSetOf = (type: OperationType): OperatorSet =>
  ofRuntime.has(type) ? 'com.microsoft' : '';
