/** What operations are made of: a shape rule each, which checks what goes in and says what comes out. */
import type { OperationType } from '../operation-types.ts';
import type { Attribute, Axis, Form, Operation, Value } from '../value.ts';

/** What an operation is given. */
export interface Given {
  /** Inputs in the operator's order. */
  readonly inputs: Operation['inputs'];
  /** Attributes by name. */
  readonly attributes: Operation['attributes'];
  /** The result's shape, where the inputs do not tell it before the graph runs. */
  readonly shape?: readonly Axis[] | undefined;
}

/** The forms of an operation's outputs, one each; `undefined` for one that is left out. @throws RangeError when the inputs do not fit. */
export type ShapeRule = (given: Given) => readonly (Form | undefined)[];

/** A rule for each of some types. */
export type Rules<Type extends OperationType> = Readonly<Record<Type, ShapeRule>>;

/** What an operation takes besides its inputs. Attributes that are undefined are left out. */
export interface Settings {
  /** Attributes by name. */
  readonly attributes?: Readonly<Record<string, Attribute | undefined>>;
  /** See {@link Given.shape}. */
  readonly shape?: readonly Axis[];
}

/** Makes operations of one kind; gives each operation's first output. */
export type Make<Type extends OperationType> = (
  type: Type,
  inputs: Operation['inputs'],
  settings?: Settings,
) => Value;

/** Makes the operations that some rules are for. */
export function operationsOf<Type extends OperationType>(rules: Rules<Type>): Make<Type> {
  return (type, inputs, { attributes: asked = {}, shape } = {}) => {
    const given = Object.entries(asked).filter(
      (entry): entry is [string, Attribute] => entry[1] !== undefined,
    );
    const attributes = Object.fromEntries(given);
    const forms = rules[type]({ inputs, attributes, shape });
    const operation: Operation = { type, inputs, attributes, forms };
    return outputOf(operation, 0);
  };
}

function outputOf(operation: Operation, output: number): Value {
  return { ...operation.forms[output]!, origin: { kind: 'operation', operation, output } };
}

/** All outputs of the operation that a value is an output of, without those left out; the value alone when no operation gives it. */
export function outputsOf(value: Value): readonly Value[] {
  const { origin } = value;
  if (origin.kind !== 'operation') return [value];
  const { forms } = origin.operation;
  return forms.flatMap((form, output) => (form ? [outputOf(origin.operation, output)] : []));
}

/** An attribute that is a float. */
export function floatOf({ attributes }: Pick<Operation, 'attributes'>, name: string): number {
  const attribute = attributes[name];
  if (typeof attribute === 'object' && 'float' in attribute) return attribute.float;
  throw new TypeError(`floatOf: expected "${name}" to be a float, got ${JSON.stringify(attribute)}.`);
}

/** The rule of operations that give what they are given, in type and shape. */
export const sameForm: ShapeRule = ({ inputs: [x] }) => [{ type: x!.type, shape: x!.shape }];

/** Refuses values, with their forms in the message. */
export function refuse(what: string, ...values: readonly Value[]): never {
  throw new RangeError(
    `${what}, got ${values.map(({ type, shape }) => `${type}[${shape.join(', ')}]`).join(' and ')}.`,
  );
}

/** The shape that two shapes broadcast to; axes of unknown length are compared by name. @throws RangeError */
export function broadcast(name: string, a: Value, b: Value): Axis[] {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a.shape[a.shape.length - rank + i] ?? 1;
    const q = b.shape[b.shape.length - rank + i] ?? 1;
    if (p === q || q === 1) return p;
    if (p === 1) return q;
    return refuse(`${name}: expected shapes that broadcast`, a, b);
  });
}
