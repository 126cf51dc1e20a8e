/** The card as its driver's own program knows it. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A card and its driver. */
export interface Card {
  readonly name: string;
  readonly driver: string;
  readonly memoryMiB: number;
}

const program = 'nvidia-smi';

/** Milliseconds between two looks at the memory. */
const pollMs = 200;

/** CUDA computes on the first card that it may see. */
const cardId = (): string => (process.env['CUDA_VISIBLE_DEVICES'] || '0').split(',')[0]!;

/** The card; null where the driver's program is not there or finds none. */
export function readCard(): Card | null {
  const args = ['--query-gpu=name,driver_version,memory.total', ...asNumbers];
  const { status, stdout } = spawnSync(program, [...args, `--id=${cardId()}`], { encoding: 'utf8' });
  const [name, driver, memory] = status === 0 ? stdout.trim().split(', ') : [];
  return name && driver && memory ? { name, driver, memoryMiB: Number(memory) } : null;
}

const asNumbers = ['--format=csv,noheader,nounits'];

/** Looks at the card's memory until {@link MemoryWatch.end} is called. */
export interface MemoryWatch {
  /** The highest use less the first, in MiB; null where nothing was seen. */
  end(): Promise<number | null>;
}

/** Starts to look; without the driver's program nothing is seen. */
export function watchMemory(): MemoryWatch {
  const args = ['--query-gpu=memory.used', ...asNumbers, '-lms', String(pollMs), `--id=${cardId()}`];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const seen: number[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/^\d+$/.test(line.trim())) seen.push(Number(line));
  });
  const ended = new Promise<void>((resolve) => {
    child.on('close', () => resolve());
    child.on('error', () => resolve()); // not there
  });
  return {
    async end() {
      child.kill();
      await ended;
      return seen.length === 0 ? null : Math.max(...seen) - seen[0]!;
    },
  };
}
