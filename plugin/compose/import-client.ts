/** Loads the clients of servers, packages that only some users have. */
import { ConfigurationError } from '../../engine/index.ts';

/** The means to load packages. */
export interface PackageContext {
  /** Loads a package. @defaultValue `import` */
  readonly importPackage?: (name: string) => Promise<unknown>;
}

/**
 * Loads a client's package when it is needed.
 *
 * @param injected - The option by which an application passes a client that it has already.
 * @throws ConfigurationError when the package is missing.
 */
export async function importClient<T>(
  { importPackage = (name) => import(name) }: PackageContext,
  name: string,
  injected: string,
): Promise<T> {
  try {
    return (await importPackage(name)) as T;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const base = name.split('/').slice(0, 2).join('/');
    const message = `package "${base}" is not installed: run "npm install ${base}", or give a client object of yours to ${injected}`;
    throw new ConfigurationError('Cannot connect', [{ path: '', message }], { cause });
  }
}
