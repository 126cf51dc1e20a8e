/** Names what a reranker's info describes. */
import { createHash } from 'node:crypto';

/** A digest of a value's JSON, 32 hexadecimal digits: what JSON leaves out changes nothing. */
export function infoDigest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}
