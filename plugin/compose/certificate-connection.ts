/** A connection of Elasticsearch's client that gives up at once where a certificate is refused. */
// biome-ignore lint/suspicious/noTsIgnore: the client is an optional peer; where it is absent, its types are any.
/** @ts-ignore */
import type { UndiciConnection } from '@elastic/elasticsearch';
import { isCertificateRefused } from './connection-advice.ts';

/**
 * The client repeats a call whenever the connection failed, with waits of seconds, and takes a refused certificate for
 * such a failure; only an error of a name that it does not know ends the call. A client that a user gives has connections of
 * its own, which are not changed.
 */
export function certificateConnection(base: typeof UndiciConnection): typeof UndiciConnection {
  return class extends base {
    override async request(...asked: Parameters<UndiciConnection['request']>): Promise<never> {
      try {
        return (await super.request(...asked)) as never;
      } catch (error) {
        if (!(error instanceof Error && isCertificateRefused(error))) throw error;
        const { message } = error;
        throw Object.assign(new Error(message, { cause: error }), { name: 'CertificateError' });
      }
    }
  };
}
