/** Files of a training, which are there whole or not at all. */
import { TrainingError } from '../../errors.ts';
import { replaceFile } from '../../weights/replace-file.ts';

/** Where a training stands, for errors. */
export interface Standing {
  /** 1-based number of the step whose result is written. */
  readonly step: number;
  /** Step of the last checkpoint; undefined before the first. */
  readonly checkpointStep: number | undefined;
}

/** `replaceFile`. @throws TrainingError of fault `disk`; then the old file is as it was. */
export function writeWhole(path: string, content: Uint8Array | string, standing: Standing): Promise<void> {
  return onDisk(path, standing, () => replaceFile(path, content));
}

/** Does work on a file. @throws TrainingError of fault `disk` in place of the system's error. */
export async function onDisk<T>(path: string, standing: Standing, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const { step, checkpointStep } = standing;
    const why = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : (code ?? message);
    const kept =
      checkpointStep === undefined
        ? 'There is no checkpoint yet'
        : `The checkpoint of step ${checkpointStep} stays`;
    throw new TrainingError(
      `Cannot write "${path}" at step ${step}: ${why}. ${kept}: make room, then go on with --resume.`,
      { fault: 'disk', step, checkpointStep },
      { cause },
    );
  }
}
