/** Measures rerankers on the queries of a router. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { ConfigurationError, type ConfigurationIssue } from '../../../engine/index.ts';
import {
  type Collection,
  measureReranker,
  parseMeasure,
  readCollection,
} from '../../../engine/laboratory.ts';
import {
  type BoardedReranker,
  type ChoiceContext,
  check,
  type OpenChoices,
  openChoices,
  parseChoice,
  type RemoteConfig,
  type RouterValidation,
  remotesSection,
  substitute,
} from '../../compose/index.ts';
import type { CliContext } from '../context.ts';
import { candidatesOf } from '../laboratory/evaluate-candidates.ts';
import { type ModelFlags, modelSettings } from '../model-options.ts';

/** Options of the commands that measure. */
export interface MeasuringFlags
  extends Pick<ModelFlags, 'model' | 'precision' | 'queryPrecision' | 'device' | 'residual'> {
  /** `--rerankers`, separated by commas */
  readonly rerankers: string;
  /** `--remotes` */
  readonly remotes?: string;
  /** `--json` */
  readonly json?: string | true;
}

/** The measure whose 1 - value is a router's loss. */
export const routerMeasure = 'nDCG@10';

/** The names of `--rerankers`, each once. @throws ConfigurationError listing every name that is none. */
export function rerankerNames(list: string): readonly string[] {
  const names = [...new Set(list.split(',').map((name) => name.trim()))];
  const issues = names.flatMap((name): ConfigurationIssue[] => {
    try {
      parseChoice(name);
      return [];
    } catch (error) {
      return [{ path: 'rerankers', message: (error as Error).message }];
    }
  });
  if (issues.length > 0) throw new ConfigurationError('Cannot measure rerankers', issues);
  return names;
}

/** Opens the rerankers of the options. With cold costs no block states are kept. @param onRanked - Told of each ranking. */
export async function openMeasured(
  { env }: CliContext,
  flags: MeasuringFlags,
  costs: RouterValidation['costs'],
  onRanked?: ChoiceContext['onRanked'],
): Promise<OpenChoices> {
  const { settings, remotes } = await measuredSettings(env, flags, costs);
  return openChoices(rerankerNames(flags.rerankers), { settings, remotes, path: 'rerankers', onRanked });
}

/** The model's settings and the services of the options. */
export async function measuredSettings(
  env: CliContext['env'],
  flags: MeasuringFlags,
  costs: RouterValidation['costs'],
): Promise<Pick<ChoiceContext, 'settings' | 'remotes'>> {
  const remotes = flags.remotes === undefined ? {} : await readRemotes(flags.remotes, env);
  const model = modelSettings(flags);
  return { settings: { ...model, ...(costs === 'cold' && { stateCacheBytes: 0 }) }, remotes };
}

async function readRemotes(
  path: string,
  env: CliContext['env'],
): Promise<Readonly<Record<string, RemoteConfig>>> {
  const what = `Cannot use the remotes "${path}"`;
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new ConfigurationError(what, [{ path: '', message: `cannot be read (${cause.code})` }], { cause });
  });
  const issues: ConfigurationIssue[] = [];
  const checked = check(remotesSection, substitute(parse(text) ?? {}, env, issues));
  issues.push(...(checked.issues ?? []));
  if (issues.length > 0) throw new ConfigurationError(what, issues);
  return checked.value!;
}

/** Measures each reranker on the router's queries. @throws ConfigurationError when the collection is another one. */
export async function measureAll(
  context: CliContext,
  { rerankers }: OpenChoices,
  validation: RouterValidation,
  precision: string | undefined,
): Promise<readonly BoardedReranker[]> {
  const collection = await readCollection(validation.data);
  assertSameQueries(collection, validation);
  const { run: candidates, firstStage } = await candidatesOf(
    validation.candidates,
    validation.data,
    collection,
  );
  const queryIds = validation.queries.map(({ queryId }) => queryId);
  const measured: BoardedReranker[] = [];
  for (const [name, reranker] of rerankers) {
    const bar = context.progress(name, queryIds.length);
    try {
      const { losses, costMs } = await measureReranker(reranker, {
        collection,
        candidates,
        firstStage,
        rankWindowSize: validation.rankWindowSize,
        measure: parseMeasure(validation.measure),
        queryIds,
        costs: validation.costs,
        onProgress: (done) => bar.update(done),
        signal: context.signal,
      });
      const { encodingDigest, readoutDigest } = reranker.info;
      measured.push({
        name,
        encodingDigest,
        readoutDigest,
        ...(precision !== undefined && { precision }),
        costMs,
        losses: Object.fromEntries(losses),
      });
    } finally {
      bar.stop();
    }
  }
  return measured;
}

/** Losses of other queries would put rerankers beside each other that were not measured on the same. */
function assertSameQueries({ queries, qrels }: Collection, { data, queries: known }: RouterValidation): void {
  const other = known.find(({ queryId, text }) => queries.get(queryId) !== text || !qrels.has(queryId));
  if (!other) return;
  const message = `query "${other.queryId}" is not in "${data}" with the text that it had when the router was fitted`;
  throw new ConfigurationError('Cannot measure rerankers', [{ path: 'data', message }]);
}

/** One line a reranker: its loss and its cost. */
export function toMeasuredTable(measured: readonly BoardedReranker[]): string {
  const width = Math.max(...measured.map(({ name }) => name.length));
  const lines = measured.map(({ name, costMs, losses }) => {
    const values = Object.values(losses);
    const mean = values.reduce((sum, loss) => sum + loss, 0) / Math.max(1, values.length);
    return `${name.padEnd(width)}  ${routerMeasure} ${(1 - mean).toFixed(4)}  ${costMs.toFixed(2).padStart(9)} ms`;
  });
  return lines.join('\n');
}
