/** The text of a document that the model reads: exactly the one that an adapter makes of a hit with the same options. */

import type { JsonObject } from '../../cluster/json.ts';
import { type DocumentTextOptions, textWriter } from '../../document-text.ts';
import { fieldText } from '../../hit-text.ts';

/** Makes documents' texts. */
export interface ReadText {
  /** The fields it reads. */
  readonly fields: readonly string[];
  /** The text of a hit. */
  of(hit: JsonObject): string;
}

/** A reader of texts. @throws ConfigurationError when neither `fields` nor `template` is given, or both are. */
export function readText(options: DocumentTextOptions): ReadText {
  const writer = textWriter(options, 'Cannot read documents');
  return {
    fields: writer.fields,
    of: (hit) => writer.write((field) => [{ text: fieldText(hit, field), fieldStart: 0 }]).text,
  };
}
