/** Reads the definition of a connector of ML Commons. */
import type { FoundEntry } from './state.ts';

/** How long a connector waits that names no time, in seconds. */
const serversReadTimeout = 30;

/** The address that a connector calls; `undefined` when it names none. */
export function urlOf({ source }: FoundEntry): string | undefined {
  const [action] = (source['actions'] as readonly { url?: unknown }[] | undefined) ?? [];
  return typeof action?.url === 'string' && URL.canParse(action.url) ? action.url : undefined;
}

/** How long a connector waits for the service, in seconds. */
export function readTimeoutOf({ source }: FoundEntry): number {
  const { read_timeout: seconds } = (source['client_config'] ?? {}) as { read_timeout?: unknown };
  return typeof seconds === 'number' ? seconds : serversReadTimeout;
}
