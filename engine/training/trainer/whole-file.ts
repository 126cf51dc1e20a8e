/** Files that are there whole or not at all. */
import { open, rename, rm } from 'node:fs/promises';
import { TrainingError } from '../../errors.ts';

/** Where a training stands, for errors. */
export interface Standing {
  /** 1-based number of the step whose result is written. */
  readonly step: number;
  /** Step of the last checkpoint; undefined before the first. */
  readonly checkpointStep: number | undefined;
}

/**
 * Writes a file beside its place, and moves it there when the disk has all of it: a reader finds the old file or the new
 * one, whenever the process or the machine ends.
 *
 * @throws TrainingError of fault `disk`; then the old file is as it was.
 */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
  standing: Standing,
): Promise<void> {
  const beside = `${path}.part`;
  await onDisk(path, standing, async () => {
    const file = await open(beside, 'w');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  }).catch(async (error: unknown) => {
    // Half a file takes room that the disk may lack.
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  });
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
