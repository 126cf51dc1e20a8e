/** `blockrank evaluate --states`: measures what codecs of block states cost. */
import { totalmem } from 'node:os';
import {
  ConfigurationError,
  type ConfigurationIssue,
  EncoderReranker,
  type Profile,
  type Reranker,
  type StateCodec,
} from '../../../engine/index.ts';
import { type StateForms, stateForms } from '../../../engine/laboratory.ts';

/** Most bytes of unencoded states that are kept between queries, where the machine has that memory to spare. */
const keptBytes = 2 * 1024 ** 3;

/** Issues for options that contradict `--states`. */
export function besideStates(
  {
    states,
    rerankers,
    budget,
  }: { readonly states?: string; readonly rerankers?: string; readonly budget?: string },
  profile: Profile,
): ConfigurationIssue[] {
  if (states === undefined) return [];
  return [
    ...(rerankers === undefined
      ? []
      : [{ path: 'rerankers', message: '--states compares codecs of the order "default"; leave it out' }]),
    ...(budget === undefined
      ? []
      : [{ path: 'budget', message: '--states compares codecs of the order "default"; leave it out' }]),
    ...(profile === 'cacheable'
      ? []
      : [{ path: 'states', message: 'only encoders of the profile cacheable keep states; leave it out' }]),
  ];
}

/** The bytes of memory for states at full precision; a source on disk would keep rounded states. */
export function memoryForStates(): number {
  return Math.min(keptBytes, Math.floor(totalmem() / 4));
}

/** The systems to compare on one collection, one for each codec. */
export function formsOver(reranker: Reranker, codecs: readonly StateCodec[]): StateForms {
  if (reranker instanceof EncoderReranker) return stateForms(reranker, codecs);
  throw new ConfigurationError('Cannot evaluate', [
    { path: 'states', message: 'only encoders of the profile cacheable keep states; leave it out' },
  ]);
}
