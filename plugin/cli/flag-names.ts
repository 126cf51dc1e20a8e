/** Renames options in messages to the names that the command line gives them. */
import { ConfigurationError } from '../../engine/index.ts';

/**
 * Runs work whose {@link ConfigurationError} names options as a program does, and renames them as the command line
 * does.
 *
 * @param flagOf - The flag for the path of an issue; `undefined` leaves the path.
 */
export async function withFlagNames<T>(
  flagOf: (path: string) => string | undefined,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const what = error.message.slice(0, error.message.indexOf(': '));
    const issues = error.issues.map(({ path, message }) => ({ path: flagOf(path) ?? path, message }));
    throw new ConfigurationError(what, issues, { cause: error.cause });
  }
}

const installFlags: Readonly<Record<string, string>> = {
  serviceUrl: '--service',
  name: '--name',
  fields: '--field',
  rankWindowSize: '--window',
  readTimeoutSeconds: '--read-timeout',
  model: '--service-model',
};

/** The flag of `install` for an option of an installation. */
export function installFlagOf(path: string): string | undefined {
  return installFlags[path];
}
