/** What sources call a state. */
import type { StateKey } from '../contract.ts';

/** A key as one text; digests have a fixed length, so that no two keys are spelled alike. */
export function stateName({ encodingDigest, textDigest, tenant }: StateKey, separator: string): string {
  const name = `${encodingDigest}${separator}${textDigest}`;
  return tenant === undefined ? name : `${name}${separator}${tenant}`;
}
