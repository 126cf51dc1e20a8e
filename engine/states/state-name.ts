/** Names a state for sources. */
import type { StateKey } from '../contract.ts';

/** A key as one text; digests have a fixed length, so that different keys give different texts. */
export function stateName({ encodingDigest, textDigest, tenant }: StateKey, separator: string): string {
  const name = `${encodingDigest}${separator}${textDigest}`;
  return tenant === undefined ? name : `${name}${separator}${tenant}`;
}
