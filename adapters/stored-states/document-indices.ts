/** The indices whose documents can have states. */
import type { ConcreteIndex } from '../cluster/contract.ts';
import { concreteIndices, type IndicesOptions } from '../cluster/indices.ts';
import type { Cluster } from '../cluster/patient-calls.ts';
import { isOwnIndex } from './names.ts';

/**
 * The open indices behind a name, alias, data stream or pattern, without those that hold states themselves.
 *
 * @throws FirstStageError when a name stands for nothing.
 */
export async function documentIndices(
  cluster: Cluster,
  index: string,
  options?: IndicesOptions,
): Promise<readonly ConcreteIndex[]> {
  const indices = await concreteIndices(cluster, index, options);
  return indices.filter(({ name }) => !isOwnIndex(name));
}
