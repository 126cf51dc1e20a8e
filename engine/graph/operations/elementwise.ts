/** Operations on each element by itself. */
import { onnxTypes } from '../onnx-type.ts';
import type { ElementwiseType } from '../operation-types.ts';
import type { DataType, Value } from '../value.ts';
import { broadcast, operationsOf, type Rules, refuse, type ShapeRule, sameForm } from './operation.ts';

type Binary = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max';
type Unary = Exclude<ElementwiseType, Binary | 'Cast' | 'Greater'>;

function broadcasting(type: Binary | 'Greater'): ShapeRule {
  return ({ inputs: [a, b] }) => {
    if (a!.type !== b!.type) refuse(`${type}: expected one type`, a!, b!);
    return [{ type: a!.type, shape: broadcast(type, a!, b!) }];
  };
}

/** Shape rules of elementwise operations. */
export const elementwiseRules: Rules<ElementwiseType> = {
  Add: broadcasting('Add'),
  Sub: broadcasting('Sub'),
  Mul: broadcasting('Mul'),
  Div: broadcasting('Div'),
  Max: broadcasting('Max'),
  Abs: sameForm,
  Sqrt: sameForm,
  Exp: sameForm,
  Log: sameForm,
  Greater: (given) => broadcasting('Greater')(given).map((form) => form && { ...form, type: 'bool' }),
  Round: sameForm,
  Erf: sameForm,
  Sigmoid: sameForm,
  Cast: ({ inputs: [x], attributes }) => [{ type: dataTypeOf(attributes['to']), shape: x!.shape }],
};

const make = operationsOf(elementwiseRules);
const binary =
  (type: Binary): ((a: Value, b: Value) => Value) =>
  (a, b) =>
    make(type, [a, b]);
const unary =
  (type: Unary): ((x: Value) => Value) =>
  (x) =>
    make(type, [x]);

/** `a + b`, broadcast. */
export const add: (a: Value, b: Value) => Value = binary('Add');
/** `a - b`, broadcast. */
export const subtract: (a: Value, b: Value) => Value = binary('Sub');
/** `a * b`, broadcast. */
export const multiply: (a: Value, b: Value) => Value = binary('Mul');
/** `a / b`, broadcast. */
export const divide: (a: Value, b: Value) => Value = binary('Div');
/** The larger of two, broadcast. */
export const maximum: (a: Value, b: Value) => Value = binary('Max');
/** `|x|`. */
export const absolute: (x: Value) => Value = unary('Abs');
/** Square root. */
export const squareRoot: (x: Value) => Value = unary('Sqrt');
/** `eˣ`. */
export const exponential: (x: Value) => Value = unary('Exp');
/** Natural logarithm. */
export const logarithm: (x: Value) => Value = unary('Log');
/** To the nearest whole number, halves to even. */
export const round: (x: Value) => Value = unary('Round');
/** The error function, `2/√π ∫₀ˣ exp(-t²) dt`. */
export const errorFunction: (x: Value) => Value = unary('Erf');
/** `1 / (1 + exp(-x))`. */
export const sigmoid: (x: Value) => Value = unary('Sigmoid');

/** Whether `a > b`, bool, broadcast. */
export function isGreater(a: Value, b: Value): Value {
  return make('Greater', [a, b]);
}

/** The same numbers in another type. */
export function cast(x: Value, type: DataType): Value {
  return x.type === type ? x : make('Cast', [x], { attributes: { to: onnxTypes[type] } });
}

function dataTypeOf(number: unknown): DataType {
  const type = (Object.keys(onnxTypes) as DataType[]).find((each) => onnxTypes[each] === number);
  if (!type) throw new RangeError(`cast: expected the number of an element type, got ${String(number)}.`);
  return type;
}
