/** Makes the lists of a recipe: drawn from its collections, scored by its teacher. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import {
  ConfigurationError,
  defaultCacheFolder,
  openReranker,
  type Reranker,
  remoteReranker,
} from '../../../engine/index.ts';
import {
  type Collection,
  type DrawReport,
  developmentLists,
  documentText,
  drawLists,
  foldDuplicates,
  openScoreStore,
  type Recipe,
  type RecipeData,
  type RecipeTeacher,
  readAnswers,
  readCollection,
  readLeaks,
  type ScoreStore,
  scoreRun,
  seededRandom,
  shuffled,
  splitQueries,
  type TrainingList,
  type TrainingSource,
  withTeacher,
} from '../../../engine/laboratory.ts';
import type { CliContext } from '../context.ts';
import { type Candidates, candidatesOf } from './evaluate-candidates.ts';
import { modelStateCache } from './state-cache.ts';
import { modelOf, type RecipeFile } from './train-recipe.ts';

/** Lists of a recipe. */
export interface RecipeLists {
  /** What is learnt from. */
  readonly lists: readonly TrainingList[];
  /** What is measured on; empty without a development set. */
  readonly development: readonly TrainingList[];
  /** What became of each collection's queries. */
  readonly reports: readonly DrawReport[];
}

/** A recipe, and where what its models read and say is kept. */
interface Kept extends RecipeFile {
  readonly scores: ScoreStore | undefined;
  /** Where encoded documents are kept, as of `stateCache`. */
  readonly cache: string | boolean | undefined;
}

/**
 * @param cache - Where encoded documents are kept, as of `stateCache`.
 * @throws ConfigurationError for collections that cannot be read or learnt from, or when nothing is left to measure on.
 */
export async function makeLists(
  context: CliContext,
  file: RecipeFile,
  cache: string | boolean | undefined,
): Promise<RecipeLists> {
  const { recipe } = file;
  const scores = await openScores(context, file);
  const kept = { ...file, scores, cache };
  try {
    const made: RecipeLists[] = [];
    for (const data of recipe.data) made.push(await ofCollection(context, { ...kept, data }));
    const lists = made.flatMap((each) => each.lists);
    const development = made.flatMap((each) => each.development);
    if (recipe.development && development.length === 0) {
      const message = 'no query is left to measure on: give a larger share, or more judged queries';
      throw new ConfigurationError('Cannot train', [{ path: 'development.share', message }]);
    }
    const scored = recipe.teacher ? await teach(context, lists, kept) : lists;
    return { lists: scored, development, reports: made.flatMap((each) => each.reports) };
  } finally {
    await scores?.close();
  }
}

interface OneCollection extends Kept {
  readonly data: RecipeData;
}

async function ofCollection(context: CliContext, part: OneCollection): Promise<RecipeLists> {
  const { recipe, folder, data } = part;
  const path = resolve(folder, data.folder);
  const collection = sample(await readCollection(path), data, recipe.seed);
  const candidates = await candidatesOf(data.candidates, path, collection);
  const source: TrainingSource = {
    collection,
    ...(candidates.firstStage === 'lexical' ? { firstStage: candidates.run } : { mined: [candidates.run] }),
    ...(data.foldDuplicates && { groupOf: await groupsOf(context, collection) }),
    ...(data.answers && { answers: await readAnswers(path) }),
    ...(recipe.leaks !== undefined && {
      leaked: (await readLeaks(resolve(folder, recipe.leaks))).get(collection.name) ?? new Set(),
    }),
  };
  const { training, development } = splitOf(collection, recipe);
  const mined = data.mine ? await mine(context, source, { ...part, queryIds: training }) : source;
  const { relevant, ...drawing } = recipe.lists;
  const drawn = drawLists(mined, { ...drawing, ...(relevant && { relevant }), seed: recipe.seed }, training);
  return {
    lists: drawn.lists,
    development: measured(source, candidates, { recipe, queryIds: development }),
    reports: [drawn.report],
  };
}

/** Near-duplicate documents have one name. */
async function groupsOf(
  { signal }: CliContext,
  { documents }: Collection,
): Promise<(docId: string) => string> {
  const docIds = [...documents.keys()];
  const standing = await foldDuplicates([...documents.values()].map(documentText), { signal });
  const groups = new Map(docIds.map((docId, i) => [docId, docIds[standing[i]!]!]));
  return (docId) => groups.get(docId) ?? docId;
}

/** Judged queries that have a text, drawn at random where there are more than wanted. */
function sample(collection: Collection, { queries }: RecipeData, seed: number): Collection {
  if (queries === undefined) return collection;
  const judged = [...collection.qrels].filter(([queryId]) => collection.queries.has(queryId));
  return { ...collection, qrels: new Map(shuffled(judged, seededRandom(seed)).slice(0, queries)) };
}

function splitOf(
  { qrels, queries }: Collection,
  { development, seed }: Recipe,
): ReturnType<typeof splitQueries> {
  const texts = new Map([...qrels.keys()].map((queryId) => [queryId, queries.get(queryId) ?? '']));
  return splitQueries(texts, { share: development?.share ?? 0, seed });
}

/** Scores of a first stage that is not lexical are left out: serving fuses lexical ones alone. */
function measured(
  source: TrainingSource,
  { run, firstStage }: Candidates,
  {
    recipe: { development, seed },
    queryIds,
  }: { readonly recipe: Recipe; readonly queryIds: readonly string[] },
): TrainingList[] {
  if (!development) return [];
  const lists = developmentLists({ ...source, firstStage: run }, queryIds, development.rankWindowSize);
  const drawn = shuffled(lists, seededRandom(seed)).slice(0, development.queries);
  if (firstStage === 'lexical') return drawn;
  return drawn.map((list) => ({
    ...list,
    documents: list.documents.map(({ firstStageScore: _, ...document }) => document),
  }));
}

async function mine(
  context: CliContext,
  source: TrainingSource,
  part: OneCollection & { readonly queryIds: readonly string[] },
): Promise<TrainingSource> {
  const { recipe, scores: store, queryIds } = part;
  const bar = context.progress(`mining ${source.collection.name}`, queryIds.length);
  const reranker = await openModel(context, part, recipe.model);
  try {
    const { rankWindowSize } = recipe.lists;
    const onProgress = (done: number): void => bar.update(done);
    const run = await scoreRun(reranker, source, {
      rankWindowSize,
      queryIds,
      store,
      onProgress,
      signal: context.signal,
    });
    return { ...source, mined: [...(source.mined ?? []), run] };
  } finally {
    bar.stop();
    await reranker.close();
  }
}

async function teach(
  context: CliContext,
  lists: readonly TrainingList[],
  kept: Kept,
): Promise<readonly TrainingList[]> {
  const { recipe, scores: store } = kept;
  const bar = context.progress('teacher', lists.length);
  const members: { readonly reranker: Reranker; readonly weight: number }[] = [];
  try {
    for (const teacher of recipe.teacher ?? []) {
      members.push({ reranker: await openTeacher(context, kept, teacher), weight: teacher.weight });
    }
    const onProgress = (done: number): void => bar.update(done);
    return (await withTeacher(lists, members, { store, onProgress, signal: context.signal })).lists;
  } finally {
    bar.stop();
    for (const { reranker } of members) await reranker.close();
  }
}

async function openTeacher(
  context: CliContext,
  kept: Kept,
  { model, depth, remote }: RecipeTeacher,
): Promise<Reranker> {
  if (!remote) return openModel(context, kept, model!, depth);
  const { apiKeyVariable: variable, ...service } = remote;
  if (variable === undefined) return remoteReranker(service);
  const apiKey = context.env[variable];
  if (apiKey) return remoteReranker({ ...service, apiKey });
  const message = `expected the service's key in the environment variable ${variable}, which is not set`;
  throw new ConfigurationError('Cannot open the teacher', [
    { path: 'teacher.remote.apiKeyVariable', message },
  ]);
}

/** Opens a model of the recipe. Documents that an encoder has read are found again by what is trained, and by the next training. */
async function openModel(
  context: CliContext,
  { folder, cache }: Kept,
  name: string,
  depth?: number,
): Promise<Reranker> {
  const model = modelOf(name, folder);
  return openReranker({
    warmUp: false,
    ...(await modelStateCache(context, { model, cache })),
    ...(model !== undefined && { model }),
    ...(depth !== undefined && { depth }),
  });
}

/** Scores of one recipe's teacher and mining, which survive whatever ends the training. */
async function openScores(
  { env }: CliContext,
  { recipe, folder }: RecipeFile,
): Promise<ScoreStore | undefined> {
  if (!recipe.teacher && !recipe.data.some(({ mine: isMined }) => isMined)) return undefined;
  const key = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return openScoreStore(join(defaultCacheFolder(env), 'scores', `${key}.jsonl`));
}
