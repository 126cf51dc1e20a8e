/** Marks on what was installed: whose it is, and what it was made from, so that a second run finds nothing to do. */
import { createHash, scryptSync } from 'node:crypto';

/** What a mark says. */
export interface Mark {
  /** Version of this package that made the thing. */
  readonly version: string;
  /** Digest of its definition. */
  readonly digest: string;
  /** Digest of the secret in it; absent when it has none. */
  readonly key?: string | undefined;
}

/** Letters and signs that ML Commons allows in a description are few: no `=`, no `[`. */
const markPattern = /^Made by blockrank (\S+) \(digest: ([0-9a-f]{32})(?:, key: ([0-9a-f]{32}))?\)$/;

/** A mark as the text of a description. */
export function markText({ version, digest, key }: Mark): string {
  return `Made by blockrank ${version} (digest: ${digest}${key === undefined ? '' : `, key: ${key}`})`;
}

/** The mark in a description; `undefined` for what somebody else made. */
export function readMark(description: unknown): Mark | undefined {
  const [, version, digest, key] = (typeof description === 'string' && markPattern.exec(description)) || [];
  return version === undefined || digest === undefined ? undefined : { version, digest, key };
}

/** Digest of a JSON value; the order of its properties does not count. */
export function definitionDigest(definition: unknown): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('hex').slice(0, 32);
}

/** Digest of a secret, costly to guess from: whoever may read descriptions may not learn keys. */
export function keyDigest(key: string, salt: string): string {
  return scryptSync(key, `blockrank:${salt}`, 16).toString('hex');
}

/** JSON with every object's properties in alphabetical order. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${canonicalJson(one)}`).join(',')}}`;
}
