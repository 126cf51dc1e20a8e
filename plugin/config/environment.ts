/** Replaces environment variables in a configuration file, so that secrets stay out of the file. */
import type { ConfigurationIssue } from '../../engine/index.ts';

/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${` is a plain `${`; `${NAME}` must be set; `${NAME:-other}` falls back. */
const reference = /\$(\$\{)|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * A copy of a value with every `${NAME}` in its texts replaced. The replacement is text; the check reads it as a number
 * or a switch where the configuration wants one. References inside a variable's own value stay as they are.
 *
 * @param issues - Gets one problem for every variable that is not set.
 *
 * @example substitute({ apiKey: '${ES_API_KEY}' }, process.env, issues)
 */
export function substitute(
  value: unknown,
  env: Environment,
  issues: ConfigurationIssue[],
  path = '',
): unknown {
  if (typeof value === 'string') return substituteText(value, env, issues, path);
  if (Array.isArray(value)) return value.map((one, i) => substitute(one, env, issues, `${path}[${i}]`));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]) => {
    return [key, substitute(one, env, issues, path === '' ? key : `${path}.${key}`)] as const;
  });
  return Object.fromEntries(entries);
}

function substituteText(text: string, env: Environment, issues: ConfigurationIssue[], path: string): string {
  return text.replace(
    reference,
    (_all, escaped: string | undefined, name: string, fallback: string | undefined) => {
      if (escaped !== undefined) return escaped;
      const value = env[name] || fallback;
      if (value !== undefined) return value;
      const state = env[name] === '' ? 'empty' : 'not set';
      issues.push({
        path,
        message: `environment variable ${name} is ${state}; set it, or write \${${name}:-a fallback}`,
      });
      return `\${${name}}`;
    },
  );
}
