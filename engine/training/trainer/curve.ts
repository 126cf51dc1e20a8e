/** The curve of a training: a line a step and a line a measurement, as JSON lines. */
import { appendFile, readFile } from 'node:fs/promises';
import { onDisk, type Standing, writeWhole } from './whole-file.ts';

/** A step of the curve. */
export interface StepPoint {
  /** Which kind of line. */
  readonly kind: 'step';
  /** 1-based number of the step. */
  readonly step: number;
  /** Mean loss of its lists, before the step. */
  readonly loss: number;
  /** Means of the loss' parts by name, before they are weighted. */
  readonly parts: Readonly<Record<string, number>>;
  /** Tokens of all its lists, without padding. */
  readonly tokens: number;
  /** Learning rate. */
  readonly rate: number;
  /** Length of all gradients as one vector, before clipping. */
  readonly gradientNorm: number;
  /** Duration in milliseconds. */
  readonly ms: number;
}

/** A measurement on the development set. */
export interface DevelopmentPoint {
  /** Which kind of line. */
  readonly kind: 'development';
  /** Steps done; 0 is the start. */
  readonly step: number;
  /** Mean over collections. */
  readonly value: number;
  /** Mean over the lists of each collection. */
  readonly bySet: Readonly<Record<string, number>>;
}

/** A line of the curve. */
export type CurvePoint = StepPoint | DevelopmentPoint;

/** Adds a line. @throws TrainingError of fault `disk`. */
export async function appendPoint(path: string, point: CurvePoint, standing: Standing): Promise<void> {
  await onDisk(path, standing, () => appendFile(path, `${JSON.stringify(point)}\n`));
}

/** Reads a curve; a last line that was cut off counts as not written. */
export async function readCurve(path: string): Promise<CurvePoint[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, -1);
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as CurvePoint);
}

/**
 * Forgets what came after a checkpoint: a training that goes on from there writes it again.
 *
 * @param last - The last step, and the last measurement, that the checkpoint knows. @throws TrainingError of fault `disk`.
 */
export async function cutCurve(
  path: string,
  last: { readonly step: number; readonly development: number },
  standing: Standing,
): Promise<void> {
  const kept = (await readCurve(path)).filter(({ kind, step }) => step <= last[kind]);
  await writeWhole(path, kept.map((point) => `${JSON.stringify(point)}\n`).join(''), standing);
}
