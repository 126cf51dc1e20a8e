/** Where a network's weights come from. */
import type { Value } from '../graph/value.ts';

/**
 * The weight of a name, as a value of the shape that the network needs: a tensor of a file when serving, an input when
 * training. It may have any element type; the network casts it.
 *
 * @throws ModelFormatError when there is none of that name and shape.
 */
export type Parameters = (name: string, shape: readonly number[]) => Value;
