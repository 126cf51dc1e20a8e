/** A measure by the name that an option gives it. */
import { ConfigurationError } from '../../../engine/index.ts';
import { type Measure, parseMeasure } from '../../../engine/laboratory.ts';

/** @param failed - What could not be done, for the message. @throws ConfigurationError when there is no such measure. */
export function knownMeasure(name: string, failed: string): Measure {
  try {
    return parseMeasure(name);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(failed, [{ path: 'measure', message }]);
  }
}
