/** Names a text, as the engine's keys do. */
import { createHash } from 'node:crypto';

/** SHA-256 of the text's UTF-8 form, hexadecimal. */
export function textDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
