/** Writes an expression graph as an ONNX model. Field numbers are those of onnx.proto. */
import { onnxType } from './operations.ts';
import { ProtobufWriter } from './protobuf.ts';
import type { Attribute, Operation, Value } from './value.ts';

/** ONNX IR version; 10 goes with operator set 21. */
const irVersion = 10;
const operatorSet = 21;

/**
 * Writes a model whose outputs are the given values; its inputs are the input values they depend on.
 * Tensors in files stay there and are named by location, offset and length.
 *
 * @throws RangeError when two inputs share a name and differ.
 */
export function toOnnx(outputs: Readonly<Record<string, Value>>): Uint8Array {
  const graph = new GraphWriter();
  for (const [name, value] of Object.entries(outputs)) graph.output(name, value);
  const sets = [new ProtobufWriter().bytes(1, '').varint(2, operatorSet)];
  if (graph.usesContrib) sets.push(new ProtobufWriter().bytes(1, 'com.microsoft').varint(2, 1));
  const model = new ProtobufWriter().varint(1, irVersion).bytes(2, 'blockrank').bytes(7, graph.finish());
  for (const set of sets) model.bytes(8, set);
  return model.finish();
}

class GraphWriter {
  readonly #names = new Map<object, string>();
  readonly #nodes: ProtobufWriter[] = [];
  readonly #initializers: ProtobufWriter[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #outputs: ProtobufWriter[] = [];
  usesContrib = false;

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
    const { origin } = value;
    if (origin.kind === 'input') return this.#input(origin.name, value);
    if (origin.kind === 'operation') return `${this.#write(origin.operation)}_${origin.output}`;
    const known = this.#names.get(origin);
    if (known !== undefined) return known;
    const name = origin.kind === 'file' ? origin.name : `constant_${this.#names.size}`;
    this.#names.set(origin, name);
    this.#initializers.push(tensor(name, value));
    return name;
  }

  #input(name: string, value: Value): string {
    const known = this.#inputs.get(name);
    if (known && (known.type !== value.type || known.shape.join() !== value.shape.join())) {
      throw new RangeError(
        `toOnnx: expected one form of input "${name}", got [${known.shape}] and [${value.shape}].`,
      );
    }
    this.#inputs.set(name, value);
    return name;
  }

  #write(operation: Operation): string {
    const known = this.#names.get(operation);
    if (known !== undefined) return known;
    const inputs = operation.inputs.map((value) => (value ? this.#nameOf(value) : ''));
    while (inputs.at(-1) === '') inputs.pop();
    const name = `${operation.type}_${this.#names.size}`;
    this.#names.set(operation, name);
    const node = new ProtobufWriter();
    for (const each of inputs) node.bytes(1, each);
    for (let i = 0; i < operation.outputs; i += 1) node.bytes(2, `${name}_${i}`);
    node.bytes(3, name).bytes(4, operation.type);
    for (const [key, value] of Object.entries(operation.attributes)) node.bytes(5, attribute(key, value));
    if (operation.domain !== '') {
      node.bytes(7, operation.domain);
      this.usesContrib = true;
    }
    this.#nodes.push(node);
    return name;
  }
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
  writer.varint(2, onnxType(type)).bytes(8, name);
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
  const tensorType = new ProtobufWriter().varint(1, onnxType(type)).bytes(2, dimensions);
  return new ProtobufWriter().bytes(1, name).bytes(2, new ProtobufWriter().bytes(1, tensorType));
}
