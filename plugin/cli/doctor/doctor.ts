/** What `blockrank doctor` finds and prints. */
import {
  type DeviceReport,
  type ExecutionProvider,
  type GraphicsCard,
  InferenceError,
} from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';
import { examine } from './examine.ts';

/** Values of the options. */
export interface DoctorFlags {
  /** `--device` */
  readonly device?: ExecutionProvider | 'all';
  /** `--json` */
  readonly json?: true;
}

const devices: readonly ExecutionProvider[] = ['cpu', 'webgpu', 'cuda'];

/**
 * Examines one device after another, and prints what was found.
 *
 * @throws InferenceError when the device that was asked for by name does not open, or the processor does not.
 */
export async function doctor(context: CliContext, { device = 'all', json }: DoctorFlags): Promise<void> {
  const asked = device === 'all' ? devices : [device];
  const reports: DeviceReport[] = [];
  for (const each of asked) {
    const report = await examine(context, each);
    reports.push(report);
    if (!json) context.print(deviceLines(report).join('\n'));
  }
  if (json) context.printJson({ devices: reports });
  const needed = reports.find((report) => report.device === (device === 'all' ? 'cpu' : device));
  if (needed && !needed.opens) {
    const reason = needed.problems[0]?.split('\n')[0] ?? 'no reason is known';
    throw new InferenceError(`The device "${needed.device}" does not open here: ${reason}`, {
      executionProvider: needed.device,
    });
  }
}

/** A report for people: what the device can do, then what it lacks, a line a thing. */
export function deviceLines(report: DeviceReport): string[] {
  const { device, opens, problems, notes, cards = [], libraries } = report;
  const versions = libraries?.versions ?? [];
  const found =
    versions.length > 0
      ? `CUDA ${versions.join(' and ')} libraries are here`
      : 'no CUDA libraries were found';
  return [
    `${device.padEnd(nameWidth)}${opens ? `opens: ${abilityText(report)}` : 'does not open'}`,
    ...[...problems, ...notes, ...(libraries ? [found] : []), ...cards.map(cardText)].map(
      (line) => `${' '.repeat(nameWidth)}${line.trim().split('\n')[0]}`,
    ),
  ];
}

const nameWidth = 8;

function abilityText({ gigaflops = {}, halfPrecision }: DeviceReport): string {
  const speeds = Object.entries(gigaflops).map(([type, speed]) => `${Math.round(speed)} GFLOP/s in ${type}`);
  return [...speeds, ...(halfPrecision ? [] : ['no half precision'])].join(', ');
}

function cardText({ name, totalBytes, freeBytes, driver }: GraphicsCard): string {
  const gb = (bytes: number): string => (bytes / 1e9).toFixed(1);
  return `${name}, ${gb(totalBytes)} GB of memory of which ${gb(freeBytes)} free, driver ${driver}`;
}
