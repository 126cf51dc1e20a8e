/** Finds the place of the states for `blockrank states`. */
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
  /** Whether states lie in an index beside each index, or in the documents. */
  readonly to: 'sidecar' | 'field';
  /** Name of the generation. @defaultValue a name made from model and form */
  readonly generation: string | undefined;
  /** The object that holds a state in a document. @defaultValue `'blockrank_state'` */
  readonly stateField: string | undefined;
  /** Whether anchors are also stored as vectors. @defaultValue false */
  readonly vector: boolean | undefined;
  /** The names that messages use for each setting: the option, or the key of the file. */
  readonly names: Readonly<Record<'to' | 'generation' | 'stateField', string>>;
  /** Whether the file names the place: then its searches read these states. */
  readonly isOfFile: boolean;
}

/**
 * The place that the options name; the file fills in the rest. @throws ConfigurationError for a field of the user's
 * own.
 */
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

/** The target of a command. @throws ConfigurationError for an impossible place. */
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
  /** Encoder and form of the states, where they are known. */
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
