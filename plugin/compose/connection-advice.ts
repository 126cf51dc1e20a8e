/** Advice on failed connections, for errors that the clients report in words of TLS or HTTP. */
import type { Adapter } from '../../adapters/adapter.ts';
import { FirstStageError } from '../../engine/index.ts';

/** The asked server's name, for the advice's wording. */
export type ServerName = 'elasticsearch' | 'opensearch';

/** One sentence on what to change; `undefined` when the error says nothing about the connection. */
export function connectionAdvice(error: unknown): string | undefined {
  const chain = [...causes(error)];
  const status = chain.map(statusOf).find((code) => code !== undefined);
  if (status === 401)
    return 'the server does not know who asks: check apiKey, username and password, bearer, or aws';
  if (status === 403)
    return 'the server refuses this user or key: check its rights on the index, or region, service and keys of aws';
  const said = chain.map((one) => `${codeOf(one)} ${one.name} ${one.message}`).join('\n');
  return rules.find(({ sign }) => sign.test(said))?.advice;
}

/** Wraps an adapter so that its connection errors say what to change; everything else stays as it is. */
export function withConnectionAdvice<Request, Response>(
  adapter: Adapter<Request, Response>,
  server: ServerName,
): Adapter<Request, Response> {
  const advised = async <T>(result: Promise<T>): Promise<T> => {
    try {
      return await result;
    } catch (error) {
      throw toAdvised(error, server);
    }
  };
  const { searchMany, refusedChanges, addStates } = adapter;
  return {
    name: adapter.name,
    plan: (request, options) => adapter.plan(request, options),
    search: (plan, options) => advised(adapter.search(plan, options)),
    ...(searchMany && { searchMany: (plans, options) => advised(searchMany.call(adapter, plans, options)) }),
    ...(refusedChanges && {
      refusedChanges: (plan, answer) => refusedChanges.call(adapter, plan, answer),
    }),
    toShortlist: (plan, response) => adapter.toShortlist(plan, response),
    ...(addStates && { addStates: (found, options) => advised(addStates.call(adapter, found, options)) }),
    applyOutcome: (plan, response, outcome) => adapter.applyOutcome(plan, response, outcome),
  };
}

/** The same error with the advice at its end; the error itself when there is no advice. */
export function toAdvised(error: unknown, server: ServerName): unknown {
  const advice = connectionAdvice(error);
  if (!(advice && error instanceof Error)) return error;
  const statusCode = [...causes(error)].map(statusOf).find((code) => code !== undefined);
  const message = `${error.message.replace(/\.?\s*$/, '')}. ${advice[0]!.toUpperCase()}${advice.slice(1)}.`;
  return new FirstStageError(message, { adapter: server, statusCode }, { cause: error });
}

/** Whether a server's certificate, or ours, is refused: asking again would bring the same. */
export function isCertificateRefused({ message }: Error): boolean {
  return rules.some(({ sign, isOfCertificates }) => isOfCertificates && sign.test(message));
}

interface Rule {
  readonly sign: RegExp;
  readonly advice: string;
  readonly isOfCertificates?: true;
}

const rules: readonly Rule[] = [
  {
    sign: /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|self.signed certificate|unable to (verify|get)|CERT_UNTRUSTED/i,
    advice:
      "the server's certificate is signed by nobody known here: give the CA's file as tls.ca (--ca FILE)",
    isOfCertificates: true,
  },
  {
    sign: /ERR_TLS_CERT_ALTNAME_INVALID|altnames/i,
    advice: "the server's certificate is for another name: use an address that it names",
    isOfCertificates: true,
  },
  {
    sign: /CERT_HAS_EXPIRED|certificate has expired/i,
    advice: "the server's certificate has expired: renew it",
    isOfCertificates: true,
  },
  {
    sign: /certificate.required|bad certificate|handshake failure|alert number (40|42|116)/i,
    advice:
      'the server wants a client certificate that it trusts: give tls.cert and tls.key (--cert FILE --key FILE)',
    isOfCertificates: true,
  },
  {
    sign: /wrong.version.number|packet length too long|EPROTO/i,
    advice: 'the server does not speak TLS there: use http:// instead of https://, or the TLS port',
  },
  {
    sign: /ProductNotSupported|not a supported product|unknown product/i,
    advice: 'the server is not Elasticsearch: for OpenSearch use opensearch (--opensearch URL)',
  },
  {
    sign: /media_type_header_exception/i,
    advice: 'the client is newer than the server: set compatibleWith: 8 (--compatible-with 8)',
  },
  { sign: /ECONNREFUSED/, advice: 'nothing listens there: check address and port, and that the server runs' },
  { sign: /ENOTFOUND|EAI_AGAIN/, advice: 'no such host: check the address' },
  {
    sign: /ECONNRESET|socket hang up|other side closed|UND_ERR_SOCKET/i,
    advice: 'the server closed the connection: check http:// against https://, and client certificates',
  },
];

/** An error and the chain of its causes. */
function* causes(error: unknown): Generator<Error> {
  const seen = new Set<unknown>();
  let next: unknown = error;
  while (next instanceof Error && !seen.has(next)) {
    seen.add(next);
    yield next;
    next = next.cause;
  }
}

function codeOf(error: Error): string {
  return String((error as NodeJS.ErrnoException).code ?? '');
}

function statusOf(error: Error): number | undefined {
  const { statusCode, meta } = error as { statusCode?: unknown; meta?: { statusCode?: unknown } };
  const status = statusCode ?? meta?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
