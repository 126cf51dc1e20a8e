/** Sends one request to the cluster and waits until its answer begins, and handles the failures up to then. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { ProxyError } from './server-error.ts';
import type { Target, TargetCall } from './target.ts';

/** A request under way. */
export interface Upstream {
  /** The request, to which the body is written. */
  readonly request: ClientRequest;
  /** The answer, once its headers are there. Rejects with a {@link ProxyError}, or a {@link StaleConnection}. */
  readonly answer: Promise<IncomingMessage>;
  /** Notes that something was sent: the time limit starts anew. */
  touch(): void;
}

/** Thrown when the cluster had closed a kept connection: the request may be sent again. */
export class StaleConnection extends Error {}

/** Opens a request. The cluster has `timeoutMs` to begin its answer, and as long for each pause inside it. */
export function openUpstream(target: Target, call: TargetCall, timeoutMs: number): Upstream {
  const request = target.open(call);
  const late = new ProxyError(
    { status: 504, type: 'gateway_timeout_exception' },
    `The cluster at ${target.address} gave no answer within ${timeoutMs} ms. Make the request cheaper, or raise the proxy's timeout (--timeout).`,
  );
  const timer = setTimeout(() => request.destroy(late), timeoutMs);
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', (message) => {
      clearTimeout(timer);
      request.setTimeout(timeoutMs, () => message.destroy(late));
      resolve(message);
    });
    // The listener stays after the answer began: a server may close its half while the body is still being sent.
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(toFailure(error, request, target));
    });
    request.once('close', () => {
      clearTimeout(timer);
      reject(unreachable(target, new Error('the connection was closed')));
    });
  });
  // The awaiting code gets the rejection; this handles it when the caller is gone and no code awaits.
  answer.catch(() => undefined);
  return { request, answer, touch: () => timer.refresh() };
}

function toFailure(error: Error, request: ClientRequest, target: Target): Error {
  if (error instanceof ProxyError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) {
    return new StaleConnection(error.message, { cause: error });
  }
  return unreachable(target, error);
}

/** The error for a failed connection to the cluster, in words that say what to do. */
export function unreachable(target: Pick<Target, 'address'>, error: Error): ProxyError {
  const { code } = error as NodeJS.ErrnoException;
  const said = error.message === '' ? String(code) : error.message;
  const message = `Cannot reach the cluster at ${target.address}: ${said.replace(/[.\s]+$/, '')}. ${adviceFor(String(code), said)}`;
  return new ProxyError({ status: 502, type: 'bad_gateway_exception' }, message, { cause: error });
}

const advice: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'Check the address given as --target, and that the cluster runs.'],
  [/ENOTFOUND|EAI_AGAIN/, 'Check the host name given as --target.'],
  [
    /SELF_SIGNED|UNABLE_TO_|CERT_UNTRUSTED|self.signed|unable to (verify|get)/i,
    "Give the file with the cluster's certificate authority as --ca.",
  ],
  [/ALTNAME/, "Use an address as --target that the cluster's certificate names."],
  [/CERT_HAS_EXPIRED/, "Renew the cluster's certificate."],
  [
    /certificate.required|bad certificate|handshake failure|alert number (40|42|116)/i,
    'The cluster wants a client certificate that it trusts: give --cert and --key.',
  ],
  [/wrong.version.number|packet length too long|EPROTO/i, 'The cluster speaks no TLS there: use http://.'],
  [/HPE_/, 'What answers there is no HTTP server: check the address given as --target.'],
];

function adviceFor(code: string, said: string): string {
  const found = advice.find(([sign]) => sign.test(`${code} ${said}`));
  return found?.[1] ?? "Look at the cluster's own log, and at what stands between it and the proxy.";
}
