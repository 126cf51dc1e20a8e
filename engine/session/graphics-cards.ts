/** NVIDIA's cards as their driver tells of them; ONNX Runtime's binding for Node tells nothing of a card. */
import { execFile } from 'node:child_process';

/** One card. */
export interface GraphicsCard {
  /** Its name. */
  readonly name: string;
  /** Bytes of its memory. */
  readonly totalBytes: number;
  /** Those that are free now. */
  readonly freeBytes: number;
  /** Version of the driver. */
  readonly driver: string;
  /** Compute capability, for instance 9. */
  readonly computeCapability: number;
}

/** Options of {@link graphicsCards} and {@link cardMemoryBytes}. */
export interface CardQuestion {
  /**
   * Environment variables: `nvidia-smi` is looked for on `PATH`, and `CUDA_VISIBLE_DEVICES` says which card is the first.
   * @defaultValue `process.env`
   */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** A driver that does not answer within this is taken for none, in milliseconds. @defaultValue `10_000` */
  readonly waitMs?: number;
}

const fields = ['name', 'memory.total', 'memory.free', 'driver_version', 'compute_cap'];
const bytesPerMiB = 2 ** 20;
const defaultWaitMs = 10_000;
/** It comes with the driver. */
const driverProgram = 'nvidia-smi';

/** The cards of this machine; none where `nvidia-smi` is not there or fails. */
export async function graphicsCards(question: CardQuestion = {}): Promise<readonly GraphicsCard[]> {
  const lines = await askDriver([`--query-gpu=${fields.join(',')}`], question);
  return lines.flatMap(([name, total, free, driver, capability]) => {
    if (!name || !driver) return [];
    return [
      {
        name,
        totalBytes: Number(total) * bytesPerMiB,
        freeBytes: Number(free) * bytesPerMiB,
        driver,
        computeCapability: Number(capability),
      },
    ];
  });
}

/** Bytes of the first card's memory that the process sees; undefined where there is none to ask. */
export async function cardMemoryBytes(question: CardQuestion = {}): Promise<number | undefined> {
  const { environment = process.env } = question;
  const first = environment['CUDA_VISIBLE_DEVICES']?.split(',')[0] || '0';
  const [line] = await askDriver(['--query-gpu=memory.total', `--id=${first}`], question);
  const bytes = Number(line?.[0]) * bytesPerMiB;
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined;
}

/** What the driver's program prints, a card a line; nothing where there is no driver, or none that answers. */
async function askDriver(
  question: readonly string[],
  { environment = process.env, waitMs = defaultWaitMs }: CardQuestion,
): Promise<string[][]> {
  const said = await new Promise<string>((resolve) => {
    const options = { env: environment, timeout: waitMs, killSignal: 'SIGKILL' } as const;
    const args = [...question, '--format=csv,noheader,nounits'];
    const child = execFile(driverProgram, args, options, (error, stdout) => {
      clearTimeout(late);
      resolve(error ? '' : stdout);
    });
    // A program that waits for a broken driver inside the kernel does not even end when it is killed.
    const late = setTimeout(() => {
      child.unref();
      resolve('');
    }, waitMs + graceMs);
  });
  return said
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.split(',').map((value) => value.trim()));
}

/** How long a killed program may take to end, in milliseconds. */
const graceMs = 500;
