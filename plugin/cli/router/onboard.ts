/** What `blockrank router onboard` does: measures further rerankers, and writes a file for each. */
import { resolve } from 'node:path';
import { readRouter, writeBoarded } from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { type MeasuringFlags, measureAll, openMeasured, toMeasuredTable } from './measure.ts';

/** Values of the options. */
export interface RouterOnboardFlags extends MeasuringFlags {
  readonly router: string;
  readonly data?: string;
}

/** Takes them on board. @throws ConfigurationError for a damaged router, or a collection that is not the router's. */
export async function onboard(context: CliContext, flags: RouterOnboardFlags): Promise<void> {
  const { router, data, precision } = flags;
  const { validation } = await readRouter(router);
  const opened = await openMeasured(context, flags, validation.costs);
  try {
    const there = { ...validation, ...(data !== undefined && { data: resolve(data) }) };
    const measured = await measureAll(context, opened, there, precision);
    for (const one of measured) await writeBoarded(router, one);
    if (flags.json) return context.printJson({ router, measured });
    context.print(`${toMeasuredTable(measured)}\n\nOn board of ${router}.`);
  } finally {
    await opened.close();
  }
}
