/** Sends a request with a complete body, and reads its answer whole. */
import type { IncomingMessage } from 'node:http';
import { onAbort } from '../../engine/index.ts';
import type { Forwarding } from './forward.ts';
import type { RawHeaders } from './headers.ts';
import { decoded, readUpTo } from './read-body.ts';
import type { WireCall } from './search-request.ts';
import { ProxyError } from './server-error.ts';
import { openUpstream, StaleConnection, unreachable } from './upstream.ts';

/** An answer of the cluster. */
export interface Answered {
  /** HTTP status. */
  readonly status: number;
  /** The words beside the status. */
  readonly statusMessage: string;
  /** Headers, as they came. */
  readonly headers: RawHeaders;
  /** The body, as it came. */
  readonly body: Buffer;
  /** The body without its compression; absent when it cannot be unpacked. */
  readonly plain: Buffer | undefined;
}

/** Limits of one request. */
export interface AskLimits {
  /** Ends the request. */
  readonly signal: AbortSignal;
  /** Most bytes of the answer. */
  readonly maxBytes: number;
}

/** Thrown for an answer that is too large to be read whole. */
export class AnswerTooLarge extends Error {}

/**
 * Asks the cluster, a second time when the cluster had closed the connection.
 *
 * @throws ProxyError when the cluster does not answer, or not in time. @throws AnswerTooLarge
 */
export async function ask(forwarding: Forwarding, call: WireCall, limits: AskLimits): Promise<Answered> {
  try {
    return await askOnce(forwarding, call, limits);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return askOnce(forwarding, call, limits).catch((again: unknown) => {
      throw again instanceof StaleConnection ? unreachable(forwarding.target, again) : again;
    });
  }
}

async function askOnce(
  { target, timeoutMs }: Forwarding,
  call: WireCall,
  { signal, maxBytes }: AskLimits,
): Promise<Answered> {
  signal.throwIfAborted();
  const upstream = openUpstream(target, call, timeoutMs);
  const forget = onAbort(signal, () => void upstream.request.destroy());
  try {
    upstream.request.end(call.body);
    const message = await upstream.answer;
    const body = await bodyOf(message, maxBytes).catch((error: unknown) => {
      const isKnown = error instanceof AnswerTooLarge || error instanceof ProxyError;
      throw isKnown ? error : unreachable(target, error as Error);
    });
    return {
      status: message.statusCode!,
      statusMessage: message.statusMessage ?? '',
      headers: message.rawHeaders,
      body,
      plain: await decoded(body, message.headers['content-encoding'], maxBytes),
    };
  } finally {
    forget();
  }
}

async function bodyOf(message: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { chunks, isWhole } = await readUpTo(message, maxBytes);
  if (isWhole) return Buffer.concat(chunks);
  message.destroy();
  throw new AnswerTooLarge(`The answer has more than ${maxBytes} bytes.`);
}
