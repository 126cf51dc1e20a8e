/** Writes an expression graph as an ONNX model. Field numbers are those of onnx.proto. */
import { onnxTypes } from './onnx-type.ts';
import { type OperatorSet, operatorSetOf } from './operation-types.ts';
import { ProtobufWriter } from './protobuf.ts';
import type { Attribute, Operation, Origin, Value } from './value.ts';

/** ONNX IR version; 10 goes with operator set 21. */
const irVersion = 10;
const operatorSet = 21;

/** Version of each operator set. */
const setVersions: Readonly<Record<OperatorSet, number>> = { '': operatorSet, 'com.microsoft': 1 };

/**
 * Writes a model whose outputs are the given values; its inputs are the input values they depend on.
 * Tensors in files stay there and are named by location, offset and length. Graphs may be of any depth.
 *
 * @throws RangeError when two inputs, or two tensors in files, share a name and differ.
 */
export function toOnnx(outputs: Readonly<Record<string, Value>>): Uint8Array {
  const graph = new GraphWriter();
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  const model = new ProtobufWriter().varint(1, irVersion).bytes(2, 'blockrank').bytes(7, graph.finish());
  for (const set of graph.operatorSets) {
    model.bytes(8, new ProtobufWriter().bytes(1, set).varint(2, setVersions[set]));
  }
  return model.finish();
}

/** An operation that is being written, and the names of those of its inputs that were written before it. */
interface Pending {
  readonly operation: Operation;
  readonly inputs: string[];
}

class GraphWriter {
  readonly #names = new Map<object, string>();
  readonly #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #files = new Map<string, Value>();
  readonly #outputs: ProtobufWriter[] = [];
  readonly operatorSets: Set<OperatorSet> = new Set(['']);

  output(name: string, value: Value): void {
    const node = new ProtobufWriter().bytes(1, this.#nameOf(value)).bytes(2, name).bytes(4, 'Identity');
    this.#nodes.push(node);
    this.#outputs.push(valueInfo(name, value));
  }

  finish(): ProtobufWriter {
    const graph = new ProtobufWriter();
    for (const node of this.#nodes) graph.bytes(1, node);
    graph.bytes(2, 'blockrank');
    for (const tensor of this.#initializers) graph.bytes(5, tensor);
    for (const [name, value] of this.#inputs) graph.bytes(11, valueInfo(name, value));
    for (const output of this.#outputs) graph.bytes(12, output);
    return graph;
  }

  /** The name of a value, after everything that it depends on was written. */
  #nameOf(value: Value): string {
    if (value.origin.kind === 'operation') this.#write(value.origin.operation);
    return this.#knownName(value)!;
  }

  /** The name of a value, which is written now unless an operation gives it; undefined before that was written. */
  #knownName(value: Value): string | undefined {
    const { origin } = value;
    switch (origin.kind) {
      case 'operation': {
        const name = this.#names.get(origin.operation);
        return name && `${name}_${origin.output}`;
      }
      case 'input':
        return this.#input(origin.name, value);
      case 'file':
        return this.#file(origin.name, value);
      case 'constant':
        return this.#constant(value);
      default:
        throw new TypeError(`toOnnx: unknown origin ${JSON.stringify(origin satisfies never)}.`);
    }
  }

  #input(name: string, value: Value): string {
    const known = this.#inputs.get(name);
    if (known && formOf(known) !== formOf(value)) refuseTwoForms(`input "${name}"`, known, value);
    this.#inputs.set(name, value);
    return name;
  }

  #file(name: string, value: Value): string {
    const known = this.#files.get(name);
    if (!known) {
      this.#files.set(name, value);
      this.#names.set(value.origin, name);
      this.#initializers.push(tensor(name, value));
    } else if (known.origin !== value.origin && placeOf(known) !== placeOf(value)) {
      refuseTwoForms(`tensor "${name}"`, known, value);
    }
    return name;
  }

  #constant(value: Value): string {
    const known = this.#names.get(value.origin);
    if (known !== undefined) return known;
    const name = `constant_${this.#names.size}`;
    this.#names.set(value.origin, name);
    this.#initializers.push(tensor(name, value));
    return name;
  }

  /** Writes an operation after all that it depends on: in order of depth, without recursion, which a deep graph would exhaust. */
  #write(root: Operation): void {
    const pending: Pending[] = [{ operation: root, inputs: [] }];
    for (let last = pending.at(-1); last; last = pending.at(-1)) {
      const missing = this.#names.has(last.operation) ? undefined : this.#firstMissing(last);
      if (missing) {
        pending.push({ operation: missing, inputs: [] });
        continue;
      }
      pending.pop();
      if (!this.#names.has(last.operation)) this.#node(last);
    }
  }

  /** Names inputs up to the first one that an operation gives which is not written yet: that operation. */
  #firstMissing({ operation, inputs }: Pending): Operation | undefined {
    while (inputs.length < operation.inputs.length) {
      const value = operation.inputs[inputs.length];
      const name = value ? this.#knownName(value) : '';
      if (name === undefined) return (value!.origin as Extract<Origin, { kind: 'operation' }>).operation;
      inputs.push(name);
    }
    return undefined;
  }

  #node({ operation, inputs }: Pending): void {
    while (inputs.at(-1) === '') inputs.pop();
    const name = `${operation.type}_${this.#names.size}`;
    this.#names.set(operation, name);
    const node = new ProtobufWriter();
    for (const each of inputs) node.bytes(1, each);
    operation.forms.forEach((form, i) => {
      node.bytes(2, form ? `${name}_${i}` : '');
    });
    node.bytes(3, name).bytes(4, operation.type);
    for (const [key, value] of Object.entries(operation.attributes)) node.bytes(5, attribute(key, value));
    const set = operatorSetOf(operation.type);
    if (set !== '') node.bytes(7, set);
    this.operatorSets.add(set);
    this.#nodes.push(node);
  }
}

const formOf = ({ type, shape }: Value): string => `${type}[${shape}]`;
const placeOf = (value: Value): string =>
  value.origin.kind === 'file' ? `${formOf(value)} ${JSON.stringify(value.origin.slice)}` : formOf(value);

function refuseTwoForms(what: string, one: Value, other: Value): never {
  throw new RangeError(`toOnnx: expected one form of ${what}, got ${placeOf(one)} and ${placeOf(other)}.`);
}

function attribute(name: string, value: Attribute): ProtobufWriter {
  const writer = new ProtobufWriter().bytes(1, name);
  if (typeof value === 'number') return writer.varint(3, value).varint(20, 2);
  if (typeof value === 'string') return writer.bytes(4, value).varint(20, 3);
  if ('float' in value) return writer.float(2, value.float).varint(20, 1);
  for (const each of value) writer.varint(8, each);
  return writer.varint(20, 7);
}

function tensor(name: string, { type, shape, origin }: Value): ProtobufWriter {
  const writer = new ProtobufWriter();
  for (const axis of shape) writer.varint(1, BigInt(axis));
  writer.varint(2, onnxTypes[type]).bytes(8, name);
  if (origin.kind === 'constant') return writer.bytes(9, origin.bytes);
  if (origin.kind !== 'file')
    throw new TypeError(`tensor: expected a constant or a file tensor, got ${origin.kind}.`);
  const { location, offset, length } = origin.slice;
  for (const [key, value] of Object.entries({ location, offset, length })) {
    writer.bytes(13, new ProtobufWriter().bytes(1, key).bytes(2, String(value)));
  }
  return writer.varint(14, 1);
}

function valueInfo(name: string, { type, shape }: Value): ProtobufWriter {
  const dimensions = new ProtobufWriter();
  for (const axis of shape) {
    const dimension = new ProtobufWriter();
    if (typeof axis === 'number') dimension.varint(1, axis);
    else dimension.bytes(2, axis);
    dimensions.bytes(1, dimension);
  }
  const tensorType = new ProtobufWriter().varint(1, onnxTypes[type]).bytes(2, dimensions);
  return new ProtobufWriter().bytes(1, name).bytes(2, new ProtobufWriter().bytes(1, tensorType));
}
