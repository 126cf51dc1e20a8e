/** Turns errors into one readable line and an exit code. */
import { CommanderError } from 'commander';
import { BlockRankError, ConfigurationError } from '../../engine/errors.ts';

/** Exit codes of the program: 0 done, 1 failed, 2 wrong usage or configuration, 130 Ctrl-C. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** The error for an impossible option. @param path - The option, or the key of the file; empty for all of them. */
export function wrongOption(path: string, message: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError('Wrong options', [{ path, message }], { cause });
}

/** The exit code for an error. */
export function exitCodeOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) return exitCodes.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  return error instanceof ConfigurationError ? exitCodes.usage : exitCodes.failed;
}

/**
 * An error in words: one line, and one more for each problem of a configuration with several.
 *
 * @param isVerbose - Whether the stack and the causes follow.
 */
export function describeError(error: unknown, isVerbose: boolean): string {
  if (isVerbose) return stacks(error);
  if (error instanceof ConfigurationError && error.issues.length > 1) {
    const head = error.message.slice(0, error.message.indexOf(': '));
    const lines = error.issues.map(
      ({ path, message }) => `  ${path === '' ? '' : `${path}: `}${oneLine(message)}`,
    );
    return [`${head}: ${error.issues.length} problems`, ...lines].join('\n');
  }
  if (error instanceof BlockRankError) return oneLine(error.message);
  if (error instanceof Error) return oneLine(`${error.name}: ${error.message} (--verbose shows where)`);
  return oneLine(String(error));
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

function stacks(error: unknown): string {
  const parts: string[] = [];
  let next = error;
  while (next instanceof Error && parts.length < 10) {
    parts.push(next.stack ?? next.message);
    next = next.cause;
  }
  return parts.join('\ncaused by: ') || String(error);
}
