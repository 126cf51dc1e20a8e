/** States in their stored form: the content of a document in the index beside, and of a document's own field. */
import { type BlockState, type StateMaker, textDigest } from '../../../engine/index.ts';
import type { WriteMark } from '../../cluster/contract.ts';
import type { JsonObject } from '../../cluster/json.ts';
import { encodingOf } from '../../stored-states/names.ts';
import type { MadeState } from './contract.ts';
import { vectorOf, wholeVectorOf } from './vector.ts';

/** Makes the states of texts, in their order. */
export async function makeStates(maker: StateMaker, texts: readonly string[]): Promise<readonly MadeState[]> {
  if (texts.length === 0) return [];
  const states = await maker.encode(texts);
  return texts.map((text, i) => toMade(maker, text, states[i]!));
}

/** A state in the maker's form. */
export function toMade(maker: StateMaker, text: string, state: BlockState): MadeState {
  const digest = textDigest(text);
  const bytes = maker.form.encode({ encodingDigest: maker.encodingDigest, textDigest: digest }, state);
  const { keepsLength } = maker.form;
  return { encoding: encodingOf(maker), textDigest: digest, state, bytes, keepsLength };
}

/**
 * The content of a state's document in the index beside. @param source - The version of the document; left out where
 * the document is written together with the state.
 */
export function besideContent(
  { encoding, textDigest: digest, bytes }: MadeState,
  source?: WriteMark,
): JsonObject {
  return {
    state: toBase64(bytes),
    encoding,
    text_digest: digest,
    ...(source && { source_seq_no: source.seqNo, source_primary_term: source.primaryTerm }),
  };
}

/**
 * The content of a document's own field. With a vector: the vector of one block is the whole state; several blocks keep
 * their state beside the vector. `null` replaces values that an earlier state may have left.
 */
export function fieldContent(made: MadeState, { hasVector }: { readonly hasVector: boolean }): JsonObject {
  const { encoding, textDigest: digest, state, bytes, keepsLength } = made;
  const marks = { encoding, text_digest: digest };
  if (!hasVector) return { state: toBase64(bytes), ...marks };
  const vector = keepsLength ? wholeVectorOf(state) : vectorOf(state);
  const isWhole = vector && state.blockTokens.length === 1;
  return {
    state: isWhole ? null : toBase64(bytes),
    ...marks,
    vector: vector ?? null,
    vector_digest: digest,
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
