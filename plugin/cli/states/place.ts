/** Where the states of `blockrank states` lie. */
import {
  defaultGeneration,
  type ServerCalls,
  type StateNames,
  type StatePlace,
  type StateTargetOptions,
} from '../../../adapters/server.ts';
import type { StatesConfig } from '../../config/index.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import type { PlaceFlags } from './flags.ts';

/** A place, as options and file name it together. */
export interface PlaceSettings {
  /** An index beside each index, or the documents. */
  readonly to: 'sidecar' | 'field';
  /** Which generation. @defaultValue one a model and form */
  readonly generation: string | undefined;
  /** The object of the documents. @defaultValue `'blockrank_state'` */
  readonly stateField: string | undefined;
  /** Whether anchors are vectors too. @defaultValue false */
  readonly vector: boolean | undefined;
  /** What messages call each: the option, or the key of the file. */
  readonly names: Readonly<Record<'to' | 'generation' | 'stateField', string>>;
  /** Whether it is the file that says which states: those that its searches read. */
  readonly isOfFile: boolean;
}

/** The place that the options name; what they leave out is the file's. @throws ConfigurationError for a field of the user's own. */
export function placeSettings(flags: PlaceFlags, file: StatesConfig | undefined): PlaceSettings {
  if (file?.vectorField !== undefined && flags.to === undefined) {
    const message =
      'is a vector field of your own, which blockrank never writes to; name another place with --to, or in the file';
    throw wrongOption('index.states.vectorField', message);
  }
  const to = flags.to ?? (file?.field === undefined ? 'sidecar' : 'field');
  const ofFile =
    to === 'field' ? { stateField: file?.field, vector: file?.vector } : { generation: file?.sidecar };
  const { generation = ofFile.generation, stateField = ofFile.stateField, vector = ofFile.vector } = flags;
  const isOfFile = (key: 'generation' | 'stateField'): boolean =>
    flags[key] === undefined && ofFile[key] !== undefined;
  return {
    to,
    generation,
    stateField,
    vector,
    names: {
      to: flags.to === undefined && to === 'field' ? 'index.states.field' : '--to',
      generation: isOfFile('generation') ? 'index.states.sidecar' : '--generation',
      stateField: isOfFile('stateField') ? 'index.states.field' : '--state-field',
    },
    isOfFile: isOfFile('generation') || isOfFile('stateField'),
  };
}

/** What a command is about. @throws ConfigurationError for a place that cannot be. */
export function targetOf(
  { signal }: CliContext,
  calls: ServerCalls,
  { index, place, names }: StatesSubject,
): StateTargetOptions {
  return {
    calls,
    index,
    place: place.to === 'field' ? fieldPlace(place, names) : sidecarPlace(place, names),
    signal,
  };
}

/** An index, and the place of its states. */
export interface StatesSubject {
  /** Index, alias, data stream or pattern. */
  readonly index: string;
  /** The place. */
  readonly place: PlaceSettings;
  /** Who makes them, where that is known. */
  readonly names?: StateNames;
}

function fieldPlace(
  { generation, stateField, vector, names: at }: PlaceSettings,
  names: StateNames | undefined,
): StatePlace {
  if (generation !== undefined) throw wrongOption(at.generation, 'is for --to sidecar only');
  if (names && !names.form.name.startsWith('anchor')) {
    throw wrongOption(at.to, 'states of tier tokens are too large for the documents: take --to sidecar');
  }
  if (stateField !== undefined && !/^[^.\s*]+$/.test(stateField)) {
    throw wrongOption(at.stateField, `expected one name without dots, got "${stateField}"`);
  }
  return { kind: 'field', field: stateField, ...(vector && { vector }) };
}

function sidecarPlace(
  { generation, stateField, vector, names: at }: PlaceSettings,
  names: StateNames | undefined,
): StatePlace {
  if (stateField !== undefined) throw wrongOption(at.stateField, 'is for --to field only');
  if (vector)
    throw wrongOption(
      '--vector',
      'is for --to field only: a search finds documents, not what lies beside them',
    );
  const name = generation ?? (names && defaultGeneration(names));
  if (name === undefined) throw wrongOption(at.generation, 'required: which generation of states');
  if (!/^[a-z0-9][a-z0-9._-]{0,60}$/.test(name)) {
    throw wrongOption(at.generation, `expected small letters, digits, ".", "_" and "-", got "${name}"`);
  }
  return { kind: 'sidecar', generation: name };
}
