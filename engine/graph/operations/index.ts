/** The operations of the expression graph, as functions over values. */
export * from './elementwise.ts';
export * from './fused.ts';
export * from './linear.ts';
export * from './quantised.ts';
export * from './reduction.ts';
export * from './shape.ts';
