/** States as they are stored: what a document of the index beside says, and what a document's own field says. */
import { type BlockState, type StateMaker, textDigest } from '../../../engine/index.ts';
import type { WriteMark } from '../../cluster/contract.ts';
import type { JsonObject } from '../../cluster/json.ts';
import { encodingOf } from '../../stored-states/names.ts';
import type { MadeState } from './contract.ts';
import { vectorOf } from './vector.ts';

/** Makes the states of texts, in their order. */
export async function makeStates(maker: StateMaker, texts: readonly string[]): Promise<readonly MadeState[]> {
  if (texts.length === 0) return [];
  const states = await maker.encode(texts);
  return texts.map((text, i) => toMade(maker, text, states[i]!));
}

/** A state as the maker's form has it. */
export function toMade(maker: StateMaker, text: string, state: BlockState): MadeState {
  const digest = textDigest(text);
  const bytes = maker.form.encode({ encodingDigest: maker.encodingDigest, textDigest: digest }, state);
  return { encoding: encodingOf(maker), textDigest: digest, state, bytes };
}

/** What the index beside keeps. @param source - The version of the document; left out where it is written together with the state. */
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
 * What the document's own field keeps. With a vector: that of one block is the whole state; several blocks have their
 * state beside it. `null` takes the place of what an earlier state may have left.
 */
export function fieldContent(made: MadeState, { hasVector }: { readonly hasVector: boolean }): JsonObject {
  const { encoding, textDigest: digest, state, bytes } = made;
  const marks = { encoding, text_digest: digest };
  if (!hasVector) return { state: toBase64(bytes), ...marks };
  const vector = vectorOf(state);
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
