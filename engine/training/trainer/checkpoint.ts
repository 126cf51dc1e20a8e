/** Checkpoints: everything that the next step depends on, in one safetensors file. */
import { ConfigurationError } from '../../errors.ts';
import {
  type NamedTensor,
  readTensorBytes,
  readTensorMetadata,
  readTensorTable,
  toFloat32,
  toSafetensors,
} from '../../weights/safetensors.ts';
import { floatTensor } from '../../weights/tensor-files.ts';
import type { TrainedTensors } from './trainee.ts';
import { type Standing, writeWhole } from './whole-file.ts';

/** What the development set has said so far. */
export interface Measured {
  /** Steps done at the last measurement. */
  readonly step: number;
  /** Value of the starting model. */
  readonly start: number;
  /** The best value, the starting model's among them. */
  readonly best: number;
  /** Steps done at the best value. */
  readonly bestStep: number;
  /** Measurements since then that were no better. */
  readonly worse: number;
}

/** Where a training stands after a step. */
export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  /** Trained tensors. */
  readonly tensors: TrainedTensors;
  /** The optimiser's state. */
  readonly optimiser: TrainedTensors;
  /** Absent before the first measurement. */
  readonly measured?: Measured | undefined;
}

const tensorPrefix = 'tensor/';
const optimiserPrefix = 'optimiser/';

/** Writes a checkpoint. @throws TrainingError of fault `disk`. */
export async function writeCheckpoint(
  path: string,
  checkpoint: Checkpoint,
  standing: Standing,
): Promise<void> {
  const { step, tensors, optimiser, measured } = checkpoint;
  const all = [...toNamed(tensors, tensorPrefix), ...toNamed(optimiser, optimiserPrefix)];
  const progress = JSON.stringify({ step, ...(measured && { measured }) });
  await writeWhole(path, toSafetensors(all, { blockrank: 'checkpoint', progress }), standing);
}

/** Reads a checkpoint. @throws ModelFormatError when it is damaged. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const { progress = '{}' } = await readTensorMetadata(path);
  const { step = 0, measured } = JSON.parse(progress) as Partial<Checkpoint>;
  const all = await readAll(path);
  return { step, tensors: strip(all, tensorPrefix), optimiser: strip(all, optimiserPrefix), measured };
}

/** Writes trained tensors alone. @throws TrainingError of fault `disk`. */
export async function writeTensors(path: string, tensors: TrainedTensors, standing: Standing): Promise<void> {
  await writeWhole(path, toSafetensors(toNamed(tensors, ''), { blockrank: 'trained-tensors' }), standing);
}

/** Reads what {@link writeTensors} wrote. @throws ModelFormatError when it is damaged. */
export function readTensors(path: string): Promise<TrainedTensors> {
  return readAll(path);
}

/** @throws ConfigurationError naming every tensor that one side lacks, or has in another shape. */
export function assertSameTensors(path: string, found: TrainedTensors, expected: TrainedTensors): void {
  const names = new Set([...found.keys(), ...expected.keys()]);
  const issues = [...names].flatMap((name) => {
    const [is, shall] = [found.get(name)?.shape, expected.get(name)?.shape];
    if (String(is) === String(shall)) return [];
    const message = `the file has ${shapeText(is)}, what is trained has ${shapeText(shall)}`;
    return [{ path: name, message }];
  });
  if (issues.length > 0) throw new ConfigurationError(`Cannot take "${path}" for this model`, issues);
}

const shapeText = (shape: readonly number[] | undefined): string =>
  shape ? `shape [${shape.join(', ')}]` : 'no such tensor';

const toNamed = (tensors: TrainedTensors, prefix: string): NamedTensor[] =>
  [...tensors].map(([name, tensor]) => floatTensor(`${prefix}${name}`, tensor));

async function readAll(path: string): Promise<TrainedTensors> {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, entry] of await readTensorTable(path)) {
    const data = toFloat32(await readTensorBytes(path, entry), entry.type);
    tensors.set(name, { shape: entry.shape, data });
  }
  return tensors;
}

const strip = (tensors: TrainedTensors, prefix: string): TrainedTensors =>
  new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), tensor] as const] : [],
    ),
  );
