/**
 * Reads the text of a document for the model: exactly the text that an adapter with the same options makes of a hit.
 */

import type { JsonObject } from '../../cluster/json.ts';
import { type DocumentTextOptions, textWriter } from '../../document-text.ts';
import { fieldText } from '../../hit-text.ts';

/** A reader of documents' texts. */
export interface ReadText {
  /** The fields that the text is made of. */
  readonly fields: readonly string[];
  /** The text of a hit. */
  of(hit: JsonObject): string;
}

/** Makes a reader of texts. @throws ConfigurationError when neither `fields` nor `template` is given, or both are. */
export function readText(options: DocumentTextOptions): ReadText {
  const writer = textWriter(options, 'Cannot read documents');
  return {
    fields: writer.fields,
    of: (hit) => writer.write((field) => [{ text: fieldText(hit, field), fieldStart: 0 }]).text,
  };
}
