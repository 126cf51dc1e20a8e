/** `blockrank evaluate --states`: what codecs of block states cost. */
import { totalmem } from 'node:os';
import {
  ConfigurationError,
  type ConfigurationIssue,
  EncoderReranker,
  type Reranker,
  type StateCodec,
} from '../../../engine/index.ts';
import { type StateForms, stateForms } from '../../../engine/laboratory.ts';

/** Bytes of unencoded states kept between queries at most, where the machine has them to spare. */
const keptBytes = 2 * 1024 ** 3;

/** Options that cannot stand beside `--states`. */
export function besideStates(
  { states, rerankers }: { readonly states?: string; readonly rerankers?: string },
  family: 'encoder' | 'decoder',
): ConfigurationIssue[] {
  if (states === undefined) return [];
  return [
    ...(rerankers === undefined
      ? []
      : [{ path: 'rerankers', message: '--states compares codecs of the order "default"; leave it out' }]),
    ...(family === 'encoder' ? [] : [{ path: 'states', message: 'only encoders keep states; leave it out' }]),
  ];
}

/** Memory for states as they were encoded: what a source on disk keeps has been rounded. */
export function memoryForStates(): number {
  return Math.min(keptBytes, Math.floor(totalmem() / 4));
}

/** The systems of one collection. */
export function formsOver(reranker: Reranker, codecs: readonly StateCodec[]): StateForms {
  if (reranker instanceof EncoderReranker) return stateForms(reranker, codecs);
  throw new ConfigurationError('Cannot evaluate', [
    { path: 'states', message: 'only encoders keep states; leave it out' },
  ]);
}
