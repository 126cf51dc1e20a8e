/** Identifies callers by API keys, which are kept as hashes and compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { ServiceKeyConfig } from '../config/service-schema.ts';
import { ServiceFault } from './fault.ts';

/** A caller of the service. */
export interface Caller {
  /** The tenant that the caller belongs to. */
  readonly tenant: string;
  /** Models that the caller may use; absent: all. */
  readonly models?: ReadonlySet<string> | undefined;
  /** Most requests a minute; absent: any number. */
  readonly requestsPerMinute?: number | undefined;
  /** Most requests in hand at once; absent: any number. */
  readonly maxConcurrent?: number | undefined;
}

/** Tells callers by their keys. */
export interface KeyRing {
  /** The caller; `undefined` when the headers hold no key of the ring. */
  identify(headers: IncomingHttpHeaders): Caller | undefined;
}

/** The caller who sends these headers. @throws ServiceFault `unauthorized` when they hold no known key. */
export function callerOf(keys: KeyRing, headers: IncomingHttpHeaders): Caller {
  const caller = keys.identify(headers);
  if (caller) return caller;
  throw new ServiceFault('unauthorized', 'No valid API key: send one as "Authorization: Bearer KEY".');
}

/** The caller of every request, where no keys are configured. */
export const anonymous: Caller = { tenant: 'anonymous' };

/** SHA-256 of a key in UTF-8, hexadecimal: a configuration file may hold it instead of the key. */
export function hashKey(key: string | Uint8Array): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Makes a ring of keys; without keys every caller is let in. */
export function keyRing(keys: readonly ServiceKeyConfig[] | undefined): KeyRing {
  if (!keys) return { identify: () => anonymous };
  const entries = keys.map((entry) => ({
    hash: Buffer.from(entry.sha256 ?? hashKey(entry.key!), 'hex'),
    caller: toCaller(entry),
  }));
  return {
    identify(headers) {
      const key = presentedKey(headers);
      if (key === undefined) return undefined;
      // Node gives the bytes of headers as Latin-1: they may be the key in UTF-8, or in Latin-1 itself.
      const forms = new Set([Buffer.from(key, 'latin1'), key].map(hashKey));
      const hashes = [...forms].map((hash) => Buffer.from(hash, 'hex'));
      let found: Caller | undefined;
      // Compares every entry, so that the time does not tell which one matched.
      for (const { hash, caller } of entries) {
        for (const presented of hashes) if (timingSafeEqual(hash, presented)) found = caller;
      }
      return found;
    },
  };
}

function toCaller({ tenant, models, requestsPerMinute, maxConcurrent }: ServiceKeyConfig): Caller {
  return { tenant, models: models && new Set(models), requestsPerMinute, maxConcurrent };
}

/** The key in the headers: `Authorization: Bearer KEY`, as every public SDK sends it, or `X-API-Key: KEY`. */
function presentedKey(headers: IncomingHttpHeaders): string | undefined {
  const bearer = /^Bearer +([^ \t]+)[ \t]*$/i.exec(headers.authorization ?? '')?.[1];
  const plain = headers['x-api-key'];
  return bearer ?? (typeof plain === 'string' && plain !== '' ? plain : undefined);
}
