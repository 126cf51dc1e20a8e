import { inspectModel, type ModelReport } from '../../../engine/index.ts';
import type { CliContext } from '../context.ts';

/** Reads the folder and prints the report. @throws ModelFormatError when the folder is none of a model. */
export async function inspect(
  context: CliContext,
  model: string,
  { json }: { readonly json?: true },
): Promise<void> {
  const report = await inspectModel(model);
  if (json) context.printJson(report);
  else for (const line of reportLines(report)) context.print(line);
}

/** A report for people, a line a fact. */
export function reportLines(report: ModelReport): string[] {
  const { layers, computedLayers, bytesPerToken, devices } = report;
  const rows: [string, string][] = [
    ['name', report.name],
    ['folder', report.path],
    ['family', `${report.family}, ${report.profile}`],
    ['scoring', JSON.stringify(report.scoring)],
    ['layers', `${layers}, of which a request computes ${computedLayers}`],
    ...(report.depths ?? []).map(({ depth, layers: own, file, bytes }): [string, string] => [
      `depth ${depth}`,
      `${(bytes / 1e6).toFixed(1)} MB more, ${file}${own > depth ? `, ${own} narrower layers` : ''}`,
    ]),
    ['width', `${report.width}, ${report.heads} heads`],
    ['weights', `${(report.bytes / 1e6).toFixed(1)} MB, ${report.types.join(', ')}`],
    ...(bytesPerToken === undefined
      ? []
      : [['memory', `${bytesPerToken} bytes a token of a request`] satisfies [string, string]]),
    ...Object.entries(devices).map(([name, state]): [string, string] => [
      name,
      state === true ? 'can run it here' : `cannot: ${state.split('\n')[0]}`,
    ]),
    ...report.problems.map((problem): [string, string] => ['problem', problem]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(8)} ${value}`);
}
