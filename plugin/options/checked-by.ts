/** Options that the engine checks itself: one check for the configuration file and for programs. */
import { z } from 'zod';
import {
  type ConfigurationIssue,
  diversityIssues,
  duplicateIssues,
  orderLimitIssues,
  signalIssues,
  smoothingIssues,
} from '../../engine/index.ts';

/**
 * A schema whose issues are those of a function, each at its own path.
 *
 * @param orFalse - Whether `false` is right too, and turns the option off.
 */
function checkedBy(
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

/** Schemas of the options of the steps after fusion. */
export const orderStepSchemas: Readonly<Record<'signals' | 'diversify' | 'orderLimits', z.ZodType>> = {
  signals: checkedBy(signalIssues),
  diversify: checkedBy(diversityIssues, { orFalse: true }),
  orderLimits: checkedBy(orderLimitIssues, { orFalse: true }),
};

/** Schemas of the options of what comes before those. */
export const listSchemas: Readonly<Record<'smoothing' | 'duplicates', z.ZodType>> = {
  smoothing: checkedBy(smoothingIssues, { orFalse: true }),
  duplicates: checkedBy(duplicateIssues, { orFalse: true }),
};
