/** What `blockrank hierarchy report` does: measures runs and hierarchies, prints and draws. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { openHierarchy } from '../../../engine/index.ts';
import {
  type HierarchyRecall,
  hierarchyRecall,
  parseDistances,
  parseRun,
  runRecall,
  taxonomyDistances,
  toRecallChart,
  toRecallTable,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { wrongOption } from '../errors.ts';
import type { TaxonomyFlags } from './hierarchy-flags.ts';
import { candidatesRecall, drawn, encoderRecall, type Wanted } from './report-retrievers.ts';
import { neededTaxonomy, optionText } from './taxonomy-source.ts';

/** Values of the options. */
export interface ReportFlags extends TaxonomyFlags {
  readonly distances?: string;
  readonly run?: readonly string[];
  readonly hierarchy?: readonly string[];
  readonly candidates?: readonly string[];
  readonly encoder?: readonly string[];
  readonly own: boolean;
  readonly cutoff?: number;
  readonly queries: number;
  readonly svg?: string;
  readonly json?: true;
}

/** Prints the report. @throws ConfigurationError for options or files that do not fit together. */
export async function report(context: CliContext, flags: ReportFlags): Promise<void> {
  const { run = [], hierarchy = [], candidates = [], encoder = [], svg, json } = flags;
  if (run.length + hierarchy.length + candidates.length + encoder.length === 0) {
    throw wrongOption(
      '',
      'give --hierarchy <folders>, --candidates <names>, --encoder <folders> or --run <files>',
    );
  }
  const wanted = await readWanted(flags);
  const recalls = new Map<string, HierarchyRecall>();
  for (const path of hierarchy) {
    for (const [name, recall] of await hierarchyRecalls(path, wanted, flags)) recalls.set(name, recall);
  }
  for (const name of candidates) recalls.set(name, await candidatesRecall(name, wanted, flags));
  for (const folder of encoder) recalls.set(nameOf(folder), await encoderRecall(folder, wanted, flags));
  // A table of distances says which queries there are; of a taxonomy a run may ask only some.
  const options = { cutoff: flags.cutoff, countsAbsent: flags.distances !== undefined };
  for (const path of run) {
    const parsed = parseRun(await optionText('--run', path), path);
    recalls.set(nameOf(path), runRecall(parsed, wanted.distances, options));
  }
  if (json) context.printJson(Object.fromEntries(recalls));
  else context.print(toRecallTable(recalls));
  if (svg !== undefined) await writeFile(svg, await toRecallChart(recalls));
}

async function readWanted(flags: ReportFlags): Promise<Wanted> {
  const { distances: path, hierarchy, candidates, encoder, taxonomy: file, data, own } = flags;
  if (path === undefined) {
    const taxonomy = await neededTaxonomy(flags);
    return { distances: taxonomyDistances(taxonomy, own), queries: taxonomy.nodes };
  }
  if (hierarchy ?? candidates ?? encoder)
    throw wrongOption('--distances', 'is for runs; give --taxonomy or --data for what is asked here');
  if (file !== undefined || data !== undefined) {
    throw wrongOption('--distances', 'stands in place of --taxonomy and --data');
  }
  const distances = parseDistances(await optionText('--distances', path), path);
  if (distances.size === 0) throw wrongOption('--distances', `"${path}" has no distances`);
  return { distances, queries: [] };
}

/** A hierarchy's recall over queries that it was trained on, and over those that were held out. */
async function hierarchyRecalls(
  path: string,
  { distances, queries }: Wanted,
  { cutoff, queries: most }: ReportFlags,
): Promise<readonly (readonly [string, HierarchyRecall])[]> {
  const hierarchy = await openHierarchy(path);
  const heldOut = new Set(hierarchy.heldOut);
  const parts = [
    [nameOf(path), queries.filter(({ id }) => !heldOut.has(id))],
    [`${nameOf(path)}, held out`, queries.filter(({ id }) => heldOut.has(id))],
  ] as const;
  return parts
    .filter(([, part]) => part.some(({ id }) => distances.has(id)))
    .map(([name, part]) => [name, hierarchyRecall(hierarchy, drawn(part, most), distances, { cutoff })]);
}

const nameOf = (path: string): string => basename(path).replace(/\.[^.]*$/, '');
