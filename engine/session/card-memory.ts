/** What is known of a CUDA card's memory; ONNX Runtime's binding for Node tells nothing of it. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Options of {@link cardMemoryBytes}. */
export interface CardMemoryOptions {
  /** The process' environment: `CUDA_VISIBLE_DEVICES` says which card is the first. @defaultValue `process.env` */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** The program that is asked. @defaultValue `'nvidia-smi'` */
  readonly program?: string;
}

/** Bytes of the first card's memory, as its driver tells; undefined where there is none to ask. */
export async function cardMemoryBytes({
  environment = process.env,
  program = 'nvidia-smi',
}: CardMemoryOptions = {}): Promise<number | undefined> {
  const first = environment['CUDA_VISIBLE_DEVICES']?.split(',')[0] || '0';
  const query = ['--query-gpu=memory.total', '--format=csv,noheader,nounits', `--id=${first}`];
  // Without the program, or without a card that it knows, nothing is known: a limit is the operator's then.
  const answer = await promisify(execFile)(program, query).catch(() => undefined);
  const mebibytes = Number(answer?.stdout.trim().split('\n')[0]);
  return Number.isFinite(mebibytes) && mebibytes > 0 ? mebibytes * 2 ** 20 : undefined;
}
