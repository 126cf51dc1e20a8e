/** A network's weights as tensors that stay in their files. */
import { ModelFormatError } from '../errors.ts';
import { cast } from '../graph/operations/index.ts';
import { type DataType, fileTensor, type Value } from '../graph/value.ts';
import type { WeightTable } from './weight-table.ts';

/**
 * The parameters of a network by name, in the types that their files have. A second call with a name gives the same
 * value.
 *
 * @param path - Path of the weights, for errors. @defaultValue `'the weights'`
 */
export function fileParameters(
  table: WeightTable,
  path: string = 'the weights',
): (name: string, shape: readonly number[]) => Value {
  const given = new Map<string, Value>();
  return (name, shape) => {
    const entry = table.get(name);
    if (!entry || entry.shape.join() !== shape.join()) {
      throw new ModelFormatError({
        path: entry?.file ?? path,
        expected: `tensor "${name}" of shape [${shape}]`,
        found: entry ? `[${entry.shape}]` : 'none',
      });
    }
    const known = given.get(name);
    if (known) return known;
    const { file: location, offset, length, type } = entry;
    const value = fileTensor(name, { type, shape }, { location, offset, length });
    given.set(name, value);
    return value;
  };
}

/**
 * Parameters without bfloat16, for devices that do not know it: what is kept in it is read as another type. The runtime
 * works that out once, when it loads the graph.
 */
export function withoutBfloat16(
  parameters: (name: string, shape: readonly number[]) => Value,
  type: DataType,
): (name: string, shape: readonly number[]) => Value {
  const given = new Map<Value, Value>();
  return (name, shape) => {
    const value = parameters(name, shape);
    if (value.type !== 'bfloat16') return value;
    const known = given.get(value) ?? cast(value, type);
    given.set(value, known);
    return known;
  };
}
