/** NVIDIA's cards as their driver tells of them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

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

const fields = ['name', 'memory.total', 'memory.free', 'driver_version', 'compute_cap'];
const bytesPerMiB = 2 ** 20;
/** A driver that does not answer within this is taken for none, in milliseconds. */
const waitMs = 10_000;

/**
 * The cards of this machine; none where `nvidia-smi`, which comes with the driver, is not there or fails.
 *
 * @param environment - Environment variables, of which `PATH` is read.
 */
export async function graphicsCards(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly GraphicsCard[]> {
  const question = [`--query-gpu=${fields.join(',')}`, '--format=csv,noheader,nounits'];
  const answer = await promisify(execFile)('nvidia-smi', question, {
    env: environment,
    timeout: waitMs,
  }).catch(() => ({ stdout: '' })); // no driver, no cards: that is the answer
  return answer.stdout.split('\n').flatMap((line) => {
    const [name, total, free, driver, capability] = line.split(',').map((value) => value.trim());
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
