/** Names of states and of the indices that hold them. */
import type { StateForm } from '../../engine/index.ts';

/** The encoder and the form of a maker's states: a stored state of another encoder, or in another form, is foreign. */
export interface StateNames {
  /** Digest that names the encoder. */
  readonly encodingDigest: string;
  /** The form of stored states; its name alone matters. */
  readonly form: Pick<StateForm, 'name'>;
}

/** The index that remembers the progress of builds. */
export const buildsIndex = 'blockrank-states-runs';

/** The object that holds a document's state, with `--to field`. */
export const defaultStateField = 'blockrank_state';

const infix = '-blockrank-states-';

/**
 * The index that holds the states of one index's documents, under the same ids. Each concrete index has one: the
 * indices behind an alias or a data stream may hold the same id twice, so each is treated by itself.
 */
export function sidecarIndex(index: string, generation: string): string {
  // Names that begin with a dot belong to the server.
  return `${index.replace(/^\.+/, '')}${infix}${generation}`;
}

/** Whether an index is one of ours; patterns such as `articles*` match those too. */
export function isOwnIndex(index: string): boolean {
  return index === buildsIndex || index.includes(infix);
}

/** The mark of a stored state that names its encoder and its form. */
export function encodingOf({ encodingDigest, form }: StateNames): string {
  return `${encodingDigest}.${form.name}`;
}

/**
 * The generation that a maker's states belong to by default; states of other generations lie in other indices beside.
 */
export function defaultGeneration({ encodingDigest, form }: StateNames): string {
  return `${form.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${encodingDigest.slice(0, 12)}`;
}
