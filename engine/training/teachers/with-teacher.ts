/** Lists with the logits of other models. */
import { availableParallelism } from 'node:os';
import type { Reranker } from '../../contract.ts';
import { QueryError } from '../../errors.ts';
import { zScores } from '../../scores/fusion-scores.ts';
import { spreadOf } from '../../scores/spread.ts';
import { inOrder } from '../trainer/in-order.ts';
import type { TrainingList } from '../trainer/training-list.ts';
import { type ScoringOptions, scoreList } from './score-list.ts';

/** One model of a teacher. */
export interface TeacherMember {
  /** What scores. */
  readonly reranker: Reranker;
  /** Its share of the sum, above 0. @defaultValue 1 */
  readonly weight?: number;
}

/** Lists with logits, and how many have none. */
export interface ScoredLists {
  /** In their order, without those that a model cannot read. */
  readonly lists: readonly TrainingList[];
  /** Lists whose query a model cannot read. */
  readonly unread: number;
}

/**
 * Lists with `teacherLogits`: one model's own logits; of several, the sum of the z-scores of each one's logits over the
 * list, by weight, divided by the sum of weights, and as far apart as logits of the first are: multiplied by the deviation of the
 * first member's, or of the first that tells documents apart. z-scores as in `fusion`: 0 in a list of equal logits, clipped at ±3.
 *
 * @throws RangeError when there are no members, or a weight is not above 0. @throws TrainingListError when a member gives a
 * document no finite logit. @throws InferenceError when the runtime fails; what was scored before is kept.
 */
export async function withTeacher(
  lists: readonly TrainingList[],
  members: readonly TeacherMember[],
  options: ScoringOptions = {},
): Promise<ScoredLists> {
  const weights = members.map(({ weight = 1 }) => weight);
  if (weights.length === 0 || !weights.every((weight) => weight > 0 && Number.isFinite(weight))) {
    throw new RangeError(`withTeacher: expected members with weights above 0, got [${weights.join(', ')}].`);
  }
  return scored(lists, options, async (list) => {
    const logits: Float32Array[] = [];
    for (const { reranker } of members) logits.push(await scoreList(reranker, list, options));
    return { ...list, teacherLogits: logits.length === 1 ? logits[0]! : mixture(logits, weights) };
  });
}

/**
 * Lists with `startLogits`, those of the model before training.
 *
 * @throws TrainingListError when the model gives a document no finite logit.
 */
export function withStart(
  lists: readonly TrainingList[],
  reranker: Reranker,
  options: ScoringOptions = {},
): Promise<ScoredLists> {
  return scored(lists, options, async (list) => ({
    ...list,
    startLogits: await scoreList(reranker, list, options),
  }));
}

async function scored(
  lists: readonly TrainingList[],
  { onProgress, signal }: ScoringOptions,
  score: (list: TrainingList) => Promise<TrainingList>,
): Promise<ScoredLists> {
  const done: TrainingList[] = [];
  let unread = 0;
  const work = async (list: TrainingList): Promise<TrainingList | undefined> => {
    signal?.throwIfAborted();
    return await score(list).catch((error: unknown) => {
      if (error instanceof QueryError) return undefined;
      throw error;
    });
  };
  await inOrder(lists, { atOnce: listsAtOnce, work }, (own) => {
    if (own) done.push(own);
    else unread += 1;
    onProgress?.(done.length + unread, lists.length);
  });
  return { lists: done, unread };
}

/** A list is often too short to keep all of a reranker's workers busy. */
const listsAtOnce = Math.min(availableParallelism(), 4);

function mixture(logits: readonly Float32Array[], weights: readonly number[]): Float32Array {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Logits are finite, so each list has z-scores.
  const standard = logits.map((own) => zScores(Array.from(own))!);
  // z-scores alone would be a flat softmax, which a student learns by becoming flat.
  const telling = standard.findIndex((own) => own.some((score) => score !== 0));
  const { deviation } = spreadOf(Array.from(logits[Math.max(0, telling)]!));
  return Float32Array.from(
    logits[0]!,
    (_, i) =>
      deviation * standard.reduce((sum, own, member) => sum + (weights[member]! / total) * own[i]!, 0),
  );
}
