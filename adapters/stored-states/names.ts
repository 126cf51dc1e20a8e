/** What states and their indices are called. */
import type { StateForm } from '../../engine/index.ts';

/** What names the states that a maker makes: a stored state of another encoder, or in another form, is foreign. */
export interface StateNames {
  /** Names the encoder. */
  readonly encodingDigest: string;
  /** The form in which states are kept; its name alone matters. */
  readonly form: Pick<StateForm, 'name'>;
}

/** The index that remembers how far a build has come. */
export const buildsIndex = 'blockrank-states-runs';

/** The object that holds a document's state, with `--to field`. */
export const defaultStateField = 'blockrank_state';

const infix = '-blockrank-states-';

/**
 * The index that holds the states of one index's documents, under the same ids. One a concrete index: what lies behind
 * an alias or a data stream may hold the same id twice, and goes one by one.
 */
export function sidecarIndex(index: string, generation: string): string {
  // Names that begin with a dot are the server's own.
  return `${index.replace(/^\.+/, '')}${infix}${generation}`;
}

/** Whether an index is one of ours, which patterns such as `articles*` find too. */
export function isOwnIndex(index: string): boolean {
  return index === buildsIndex || index.includes(infix);
}

/** What a stored state says of who made it: the encoder, and the form. */
export function encodingOf({ encodingDigest, form }: StateNames): string {
  return `${encodingDigest}.${form.name}`;
}

/** The generation of a maker's states, unless another name is given: those of another one lie beside them. */
export function defaultGeneration({ encodingDigest, form }: StateNames): string {
  return `${form.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}-${encodingDigest.slice(0, 12)}`;
}
