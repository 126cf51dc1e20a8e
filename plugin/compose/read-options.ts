/** What the section `index` says to an adapter. */
import type { SearchBodyOptions } from '../../adapters/elasticsearch/index.ts';
import type { IndexConfig } from '../config/schema.ts';
import type { StageConfig } from '../config/stage-schema.ts';
import { toStoredStates } from '../config/stored-states.ts';
import { fetchedSignals } from './fetched-signals.ts';

/** The part of the section `index` that every adapter reads. */
export type ReadIndex = Pick<
  IndexConfig,
  'textFields' | 'separator' | 'highlight' | 'maxResultWindow' | 'signals' | 'fieldsApart' | 'states'
>;

/** What an adapter is to read of hits: texts, states, and the fields that the file or a step of the stage names. */
export function toReadOptions(index: ReadIndex, stage: StageConfig): SearchBodyOptions {
  const { textFields: fields, separator, highlight, maxResultWindow, fieldsApart, states } = index;
  return {
    fields,
    separator,
    highlight,
    maxResultWindow,
    signals: fetchedSignals(index, stage),
    fieldsApart,
    states: toStoredStates(states),
  };
}
