/**
 * Marks on installed things: they say that this package made a thing and from what, so that a second run finds nothing
 * to do.
 */
import { createHash, scryptSync } from 'node:crypto';

/** The content of a mark. */
export interface Mark {
  /** Version of this package that made the thing. */
  readonly version: string;
  /** Digest of its definition. */
  readonly digest: string;
  /** Digest of the secret in it; absent when the definition holds no secret. */
  readonly key?: string | undefined;
  /** The default pipelines that the thing replaced, by index; `''` for an index that had none. @defaultValue nothing */
  readonly before?: Readonly<Record<string, string>>;
}

/**
 * ML Commons allows few letters and signs in a description: no `=`, no `[`. Only the marks of pipelines hold `before`.
 */
const markPattern =
  /^Made by blockrank (\S+) \(digest: ([0-9a-f]{32})(?:, key: ([0-9a-f]{32}))?(?:, before: ([^\s)]+))?\)$/;

/** A mark as the text of a description. */
export function markText({ version, digest, key, before = {} }: Mark): string {
  const parts = [`digest: ${digest}`];
  if (key !== undefined) parts.push(`key: ${key}`);
  const replaced = new URLSearchParams(before).toString();
  if (replaced !== '') parts.push(`before: ${replaced}`);
  return `Made by blockrank ${version} (${parts.join(', ')})`;
}

/** The mark in a description; `undefined` when somebody else made the thing. */
export function readMark(description: unknown): Mark | undefined {
  const match = typeof description === 'string' ? markPattern.exec(description) : null;
  if (!match) return undefined;
  const [, version, digest, key, replaced] = match as unknown as [string, string, string, string?, string?];
  const before = Object.fromEntries(new URLSearchParams(replaced));
  return { version, digest, key, ...(replaced !== undefined && { before }) };
}

/** Digest of a JSON value; the order of its properties does not count. */
export function definitionDigest(definition: unknown): string {
  return createHash('sha256').update(canonicalJson(definition)).digest('hex').slice(0, 32);
}

/** Digest of a secret, costly to guess from: a reader of descriptions must not learn the keys. */
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
