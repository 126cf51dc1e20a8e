/** One list as a decoder is fed it in training: the prompt with its answer, and what BlockRank's losses read. */
import type { InContextPrompts } from '../../../blocks/in-context-prompt.ts';
import type { TensorValue } from '../../../graph/tensor.ts';
import type { SignalScoring } from '../../../model/decoder-manifest.ts';
import type { DecoderConfig } from '../../../network/decoder-config.ts';
import { toPackedFeeds } from '../../../network/packed/packed-feeds.ts';
import type { PackedForm } from '../../../network/packed/packed-form.ts';
import { bucketOf, named, queryOf } from '../../../network/packed/packed-inputs.ts';
import { packedLayout, sizeOf } from '../../../network/packed/packed-layout.ts';
import { toLossFeeds } from '../../losses/blockrank-losses.ts';
import type { TrainingList } from '../../trainer/training-list.ts';

/** How lists are packed: products, since the fused operator has no gradient. */
export const trainingForm: PackedForm = { context: 'blocks', attention: 'products', buckets: 2, queries: 1 };

/** Name of the input that says where each document of the list stands in the layout, int64 `['documents']`. */
export const placesName = 'listPlaces';

/**
 * Feeds of a list. The answer names every document with a gain above 0 by its place in the list, as the checkpoint that is
 * trained further was taught; a list without one is answered `[]`, and the loss of its masses is 0.
 */
export function toDecoderFeeds(
  { query, documents }: TrainingList,
  {
    prompts,
    scoring,
    config,
  }: { readonly prompts: InContextPrompts; readonly scoring: SignalScoring; readonly config: DecoderConfig },
): Record<string, TensorValue> {
  const answers = documents.flatMap(({ gain = 0 }, index) => (gain > 0 ? [index] : []));
  const answer = `[${answers.join(', ')}]${prompts.closing}`;
  const texts = documents.map(({ text }) => text);
  const prompt = prompts.prompt(query, texts, { answer });
  const start = prompt.signals[1];
  const completion = [...prompt.query.subarray(start)];
  const list = {
    instruction: prompt.instruction,
    documents: prompt.documents.map(({ ids }) => ids),
    queries: [prompt.query],
    queryPosition: scoring.queryPosition,
  };
  const layout = packedLayout(sizeOf(list), trainingForm);
  const places = documents.map((_, index) => layout.order.indexOf(index));
  const run = {
    form: trainingForm,
    layout,
    signals: prompt.signals.slice(-scoring.signalTokens),
    completion: completion.map((_, c) => start + c - 1),
  };
  return {
    ...toPackedFeeds(list, run, config),
    ...toLossFeeds({
      documentTokens: layout.order.map((index) => list.documents[index]!.length),
      positives: answers.length > 0 ? answers.map((index) => places[index]!) : places,
      completion,
      vocabulary: config.vocabulary,
    }),
    [placesName]: { type: 'int64', shape: [places.length], data: BigInt64Array.from(places, BigInt) },
  };
}

/** Tokens of the whole prompt with its answer. */
export const tokensOf = (feeds: Readonly<Record<string, TensorValue>>): number => feeds['ids']!.data.length;

/** Lengths that no input has: `P`, tokens that the query sees, and `rows`, which all blocks give, padding among them. */
export function derivedAxes(feeds: Readonly<Record<string, TensorValue>>): Record<'P' | 'rows', number> {
  const instruction = feeds['instruction.columns']!.shape[1]!;
  const documents = Array.from(
    { length: trainingForm.buckets },
    (_, b) => feeds[named(bucketOf(b), 'index')]!,
  );
  const padded = documents.reduce((sum, { data }) => sum + data.length, 0);
  return {
    P: instruction + feeds['membership']!.shape[0]!,
    rows: instruction + padded + feeds[named(queryOf(0), 'columns')]!.shape[1]!,
  };
}
