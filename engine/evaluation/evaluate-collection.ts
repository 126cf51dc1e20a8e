/** Runs systems over a collection's queries and measures them. */
import type { FirstStage, Shortlist } from '../contract.ts';
import { QueryError } from '../errors.ts';
import { type Collection, documentText } from './collection.ts';
import { type LengthBias, lengthBias } from './length-bias.ts';
import { evaluateRun, type Measure, mean, type PerQuery } from './measures.ts';
import { confidenceInterval, type Interval, pairedTTest, randomisationTest } from './significance.ts';
import type { System } from './systems.ts';
import type { Run, RunEntry } from './trec.ts';

/** Options of {@link evaluateCollection}. */
export interface EvaluationOptions {
  /** Documents, queries, judgements. */
  readonly collection: Collection;
  /** The first stage's run. */
  readonly candidates: Run;
  /** How the first stage found the candidates. */
  readonly firstStage: FirstStage;
  /** Systems by name; differences are taken from `baseline`. */
  readonly systems: Readonly<Record<string, System>>;
  /** The system that others are compared with. @defaultValue `first-stage` */
  readonly baseline?: string;
  /** Measures. */
  readonly measures: readonly Measure[];
  /** Number of a query's candidates that are reranked. @defaultValue 100 */
  readonly rankWindowSize?: number;
  /** Called with the number of queries that are done. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Ends the evaluation, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** One measure of one system. */
export interface MeasuredSystem extends Interval {
  /** Values by query id. */
  readonly perQuery: PerQuery;
  /** p-value of the paired t-test against the baseline; absent for the baseline. */
  readonly tTest?: number;
  /** p-value of the randomisation test against the baseline; absent for the baseline. */
  readonly randomisation?: number;
}

/** A collection's results. */
export interface CollectionResult {
  /** Name of the collection. */
  readonly dataset: string;
  /** Queries that count. */
  readonly n: number;
  /** Each system's run. */
  readonly runs: ReadonlyMap<string, Run>;
  /** Values by system, then by measure. */
  readonly measured: ReadonlyMap<string, ReadonlyMap<string, MeasuredSystem>>;
  /** Whether systems prefer long documents. */
  readonly lengthBias: LengthBias;
}

/** Runs and measures every system on every query that has candidates; queries without any count 0. */
export async function evaluateCollection(options: EvaluationOptions): Promise<CollectionResult> {
  const { collection, measures, systems, baseline = 'first-stage' } = options;
  const runs = await runSystems(options);
  const values = new Map(
    [...runs].map(([name, run]) => [
      name,
      new Map(measures.map((measure) => [measure.name, evaluateRun(run, collection, measure)])),
    ]),
  );
  const measured = new Map(
    [...values].map(([name, byMeasure]) => [
      name,
      new Map(
        [...byMeasure].map(([measure, perQuery]) => {
          const against = name === baseline ? undefined : values.get(baseline)?.get(measure);
          return [measure, compare(perQuery, against)];
        }),
      ),
    ]),
  );
  const first = values
    .get(Object.keys(systems)[0] ?? '')
    ?.values()
    .next().value;
  return {
    dataset: collection.name,
    n: first?.size ?? 0,
    runs,
    measured,
    lengthBias: lengthBias(runs, collection),
  };
}

function compare(perQuery: PerQuery, baseline: PerQuery | undefined): MeasuredSystem {
  const interval = { ...confidenceInterval([...perQuery.values()]), perQuery };
  if (!baseline) return interval;
  const differences = [...perQuery].map(([queryId, value]) => value - (baseline.get(queryId) ?? 0));
  return { ...interval, tTest: pairedTTest(differences), randomisation: randomisationTest(differences) };
}

async function runSystems(options: EvaluationOptions): Promise<Map<string, Run>> {
  const { collection, candidates, systems, onProgress, signal } = options;
  const runs = new Map(Object.keys(systems).map((name) => [name, new Map<string, readonly RunEntry[]>()]));
  const queryIds = [...collection.qrels.keys()].filter((queryId) => candidates.has(queryId));
  let done = 0;
  for (const queryId of queryIds) {
    const shortlist = toShortlist(queryId, options);
    for (const [name, system] of Object.entries(systems)) {
      const positions = await rank(system, shortlist, signal);
      const entries = positions.map((index, i) => ({
        docId: shortlist.candidates[index]!.docId,
        score: positions.length - i,
      }));
      runs.get(name)!.set(queryId, entries);
    }
    done += 1;
    onProgress?.(done, queryIds.length);
  }
  return runs;
}

/** A query that the model cannot read keeps its first-stage order, as in the stage. */
async function rank(
  system: System,
  shortlist: Shortlist,
  signal: AbortSignal | undefined,
): Promise<readonly number[]> {
  try {
    return await system(shortlist, signal);
  } catch (error) {
    if (error instanceof QueryError) return [...shortlist.candidates.keys()];
    throw error;
  }
}

/** A query's candidates in the run's order; documents that the corpus lacks are left out. */
export function toShortlist(
  queryId: string,
  {
    collection,
    candidates,
    firstStage,
    rankWindowSize = 100,
  }: Pick<EvaluationOptions, 'collection' | 'candidates' | 'firstStage' | 'rankWindowSize'>,
): Shortlist {
  const entries = candidates.get(queryId) ?? [];
  return {
    query: { queryId, text: collection.queries.get(queryId) ?? '' },
    firstStage,
    candidates: entries.slice(0, rankWindowSize).flatMap(({ docId, score }) => {
      const document = collection.documents.get(docId);
      return document ? [{ docId, text: documentText(document), segments: [], firstStageScore: score }] : [];
    }),
  };
}

/** Each system's mean of one measure over collections; every collection counts the same. */
export function averageOver(results: readonly CollectionResult[], measure: string): Map<string, number> {
  const names = [...(results[0]?.measured.keys() ?? [])];
  return new Map(
    names.map((name) => [
      name,
      mean(results.map(({ measured }) => measured.get(name)?.get(measure)?.mean ?? 0)),
    ]),
  );
}
