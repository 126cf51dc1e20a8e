/** Checks a configuration that holds values of environment variables, which are always text. */
import type { z } from 'zod';
import { type Checked, check } from './issues.ts';

/**
 * Checks a value in which variables were replaced. Where the schema wants a number or a switch, and a variable's text
 * spells one, the text counts as that value.
 *
 * @param written - The value before variables were replaced.
 */
export function checkSubstituted<T>(schema: z.ZodType<T>, written: unknown, value: unknown): Checked<T> {
  const checked = check(schema, value);
  if (!checked.issues) return checked;
  const wrong = new Set(checked.issues.map(({ path }) => path));
  return check(schema, withSpelledValues(written, value, wrong, ''));
}

/** A copy in which every text that came from a variable, and is wrong as text, becomes the value that it spells. */
function withSpelledValues(
  written: unknown,
  value: unknown,
  wrong: ReadonlySet<string>,
  path: string,
): unknown {
  if (typeof written === 'string' && typeof value === 'string') {
    return written !== value && wrong.has(path) ? spelledValue(value) : value;
  }
  if (typeof written !== 'object' || written === null) return value;
  const inner = (key: string, at: string): unknown =>
    withSpelledValues(
      (written as Record<string, unknown>)[key],
      (value as Record<string, unknown>)[key],
      wrong,
      at,
    );
  if (Array.isArray(written)) return written.map((_, i) => inner(String(i), `${path}[${i}]`));
  const entries = Object.keys(written).map((key) => {
    return [key, inner(key, path === '' ? key : `${path}.${key}`)] as const;
  });
  return Object.fromEntries(entries);
}

function spelledValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text.trim()) ? Number(text) : text;
}
