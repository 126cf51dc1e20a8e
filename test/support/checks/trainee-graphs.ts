/** Runs a trainee's own values over one list without the trainer, and the list through what serves it. */
import { toOnnx } from '../../../engine/graph/onnx.ts';
import type { TensorValue } from '../../../engine/graph/tensor.ts';
import type { Value } from '../../../engine/graph/value.ts';
import type { Reranker, Shortlist } from '../../../engine/index.ts';
import { type GraphSession, openSession } from '../../../engine/session/runtime.ts';
import { copyTensors, toTensorFeeds } from '../../../engine/training/trainer/tensors.ts';
import type { Trainee } from '../../../engine/training/trainer/trainee.ts';
import type { TrainingList } from '../../../engine/training/trainer/training-list.ts';

/** Opens values of a trainee's graph on the processor. */
export const openTraineeGraph = (
  { folder }: Trainee,
  outputs: Readonly<Record<string, Value>>,
): Promise<GraphSession> => openSession(toOnnx(outputs), { folder: folder!, threads: 1, prepack: false });

/** Those feeds that a graph reads. */
export const fedTo = (
  { inputs }: GraphSession,
  feeds: Readonly<Record<string, TensorValue>>,
): Record<string, TensorValue> =>
  Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name)));

/** Runs a list. @param more - Feeds of inputs that the trainee does not know. @returns Numbers of an output by its name. */
export async function runTrainee(
  trainee: Trainee,
  session: GraphSession,
  {
    list,
    names,
    more = {},
  }: {
    readonly list: TrainingList;
    readonly names: readonly string[];
    readonly more?: Readonly<Record<string, TensorValue>>;
  },
): Promise<(name: string) => Float32Array> {
  const feeds = { ...(await trainee.feeds(list)), ...toTensorFeeds(copyTensors(trainee.tensors)), ...more };
  const answer = await session.run(fedTo(session, feeds), names);
  return (name) => answer[name]!.data as Float32Array;
}

/** The list as a reranker is asked about it. */
export const toShortlist = ({ query, documents }: TrainingList): Shortlist => ({
  query: { text: query },
  candidates: documents.map(({ docId, text }) => ({ docId, text, segments: [] })),
  firstStage: 'unknown',
});

/** The logits that serving gives, in the list's order. */
export async function servedLogits(
  reranker: Pick<Reranker, 'rerank'>,
  list: TrainingList,
): Promise<number[]> {
  const { candidates } = await reranker.rerank(toShortlist(list));
  return candidates.toSorted((a, b) => a.index - b.index).map(({ logit }) => logit);
}
