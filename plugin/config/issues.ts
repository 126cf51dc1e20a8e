/** Turns zod's findings into sentences that name the path and the accepted values. */
import type { z } from 'zod';
import type { ConfigurationIssue } from '../../engine/index.ts';

/** A checked value, or all of its issues. */
export type Checked<T> =
  | {
      /** The value. */
      readonly value: T;
      /** Absent. */
      readonly issues?: undefined;
    }
  | {
      /** Absent. */
      readonly value?: undefined;
      /** The issues of a wrong value. */
      readonly issues: readonly ConfigurationIssue[];
    };

/** Checks a value against a schema and reports every problem. @param at - Path put before the problems' own. */
export function check<T>(schema: z.ZodType<T>, value: unknown, at: readonly string[] = []): Checked<T> {
  const parsed = schema.safeParse(value, { error: wording });
  if (parsed.success) return { value: parsed.data };
  return { issues: parsed.error.issues.flatMap((issue) => toIssues(issue, at)) };
}

function toIssues(issue: z.core.$ZodIssue, above: readonly PropertyKey[]): ConfigurationIssue[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: toPath([...path, key]), message: issue.message }));
  }
  // A union hides the inner fault; the issues of the alternative whose keys were checked tell it.
  const inner = issue.code === 'invalid_union' ? issue.errors.filter(isInside).flat() : [];
  if (inner.length > 0) return inner.flatMap((one) => toIssues(one, path));
  return [
    { path: toPath(path), message: secrets.has(path.at(-1)) ? withoutValue(issue.message) : issue.message },
  ];
}

/** Keys whose values no message may quote. */
const secrets: ReadonlySet<PropertyKey | undefined> = new Set([
  'apiKey',
  'key',
  'password',
  'bearer',
  'passphrase',
  'secretAccessKey',
  'sessionToken',
]);

function withoutValue(message: string): string {
  return message.replace(/, got .*$/s, '');
}

function isInside(errors: readonly z.core.$ZodIssue[]): boolean {
  return errors.some(({ path, code }) => path.length > 0 || code === 'unrecognized_keys');
}

/** `index.textFields[0]` */
function toPath(path: readonly PropertyKey[]): string {
  return path
    .map((key, i) => (typeof key === 'number' ? `[${key}]` : `${i > 0 ? '.' : ''}${String(key)}`))
    .join('');
}

/** The sentence for one finding; `undefined` leaves zod's own. */
function wording(issue: z.core.$ZodRawIssue): string | undefined {
  const got = issue.input === undefined ? 'required' : `got ${JSON.stringify(issue.input)}`;
  switch (issue.code) {
    case 'invalid_type':
      // Where a section or a list is expected, the wrong value may be the secret that belongs inside.
      return `expected ${typeNames[issue.expected] ?? issue.expected}, ${isWhole(issue.expected) ? kindOf(issue.input) : got}`;
    case 'invalid_value':
      return `expected ${spelled(issue.values)}, ${got}`;
    case 'too_small':
      return `expected ${small(issue)}, ${got}`;
    case 'too_big':
      return `expected at most ${issue.maximum}, ${got}`;
    case 'invalid_union':
      if (Array.isArray(issue['options'])) return `expected ${spelled(issue['options'])}, ${kindGot(issue)}`;
      return `expected false or a section of settings, ${kindOf(issue.input)}`;
    default:
      return undefined;
  }
}

/** `"a", "b" or "c"`. */
function spelled(values: readonly unknown[]): string {
  const words = values.map((value) => JSON.stringify(value));
  return [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' or ');
}

/** The wrong value of the key that says which alternative is meant. */
function kindGot({
  input,
  discriminator,
}: {
  readonly input?: unknown;
  readonly discriminator?: string | undefined;
}): string {
  const kind = (input as Readonly<Record<string, unknown>> | undefined)?.[discriminator ?? ''];
  return kind === undefined ? 'required' : `got ${JSON.stringify(kind)}`;
}

const isWhole = (expected: string): boolean => expected === 'object' || expected === 'array';

function kindOf(input: unknown): string {
  if (input === undefined) return 'required';
  if (input === null) return 'got nothing';
  return `got ${typeNames[Array.isArray(input) ? 'array' : typeof input]}`;
}

const typeNames: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'a section of settings',
  array: 'a list',
};

function small(issue: z.core.$ZodRawIssue & { code: 'too_small' }): string {
  if (issue.origin === 'string') return 'text that is not empty';
  if (issue.origin === 'array') return 'a list that is not empty';
  return issue.inclusive ? `at least ${issue.minimum}` : `more than ${issue.minimum}`;
}
