/** Options that the engine checks itself: one check for the configuration file and for programs. */
import { z } from 'zod';
import type { ConfigurationIssue } from '../../engine/index.ts';

/**
 * A schema whose issues are those of a function, each at its own path.
 *
 * @param orFalse - Whether `false` is right too, and turns the option off.
 */
export function checkedBy(
  issuesOf: (value: unknown) => readonly ConfigurationIssue[],
  { orFalse = false }: { readonly orFalse?: boolean } = {},
): z.ZodType {
  return z.unknown().check(({ value, issues }) => {
    if (value === undefined || (orFalse && value === false)) return;
    for (const { path, message } of issuesOf(value)) {
      const at = path === '' ? [] : path.split('.');
      issues.push({ code: 'custom', path: at, message, input: value });
    }
  });
}
