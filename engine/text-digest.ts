/** Names a text. */
import { createHash } from 'node:crypto';

/**
 * SHA-256 of the text's UTF-8 form, hexadecimal: the value of `StateKey.textDigest`. Lone surrogates count as U+FFFD.
 *
 * Every stored state carries it: another digest would turn all of them stale without an error.
 */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
