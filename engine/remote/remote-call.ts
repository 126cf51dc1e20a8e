/** One HTTP call to a remote service: its time, and what its failure means. */
import { RemoteServiceError } from '../errors.ts';
import { type RemoteAnswer, type RemoteAsk, readRemoteAnswer, toRemoteRequest } from './remote-api.ts';
import type { RemoteSettings } from './remote-options.ts';

/** The header that tells a service how long its caller waits, in milliseconds; blockrank's own service reads it. */
export const deadlineHeader = 'x-blockrank-deadline-ms';

/** Who waits, and how long. */
export interface RemoteWait {
  /** Ends the call with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Time that is left, in milliseconds. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Asks once.
 *
 * @throws RemoteServiceError that tells what may pass by itself from what the operator must change. What the service
 * says is part of the message where it says it in the form of an error, never a document.
 */
export async function askOnce(
  settings: RemoteSettings,
  ask: RemoteAsk,
  { signal, deadlineMs = Number.POSITIVE_INFINITY }: RemoteWait,
): Promise<RemoteAnswer> {
  const timeoutMs = Math.min(settings.timeoutMs, deadlineMs);
  const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  try {
    const response = await settings.fetch(settings.url, {
      method: 'POST',
      headers: headersOf(settings, timeoutMs),
      body: JSON.stringify(toRemoteRequest(settings.api, ask)),
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const body = await response.text();
    if (!response.ok) throw refused(settings, response, body);
    return answerOf(settings, body, ask.texts.length);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof RemoteServiceError) throw error;
    const what = timeout.aborted ? `no answer within ${Math.round(timeoutMs)} ms` : causeOf(error);
    throw fault(settings, `${what}. Check that it runs and can be reached`, { isTransient: true }, error);
  }
}

function headersOf({ apiKey, headers }: RemoteSettings, timeoutMs: number): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    [deadlineHeader]: String(Math.max(1, Math.floor(timeoutMs))),
    ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
    ...headers,
  };
}

function answerOf(settings: RemoteSettings, body: string, count: number): RemoteAnswer {
  let answer: RemoteAnswer | string;
  try {
    answer = readRemoteAnswer(settings.api, JSON.parse(body), count);
  } catch {
    answer = 'it is not JSON';
  }
  if (typeof answer !== 'string') return answer;
  const advice = `Check that the address speaks the wire form "${settings.api}"`;
  throw fault(settings, `cannot use its answer: ${answer}. ${advice}`, { isTransient: false });
}

/** 408, 425, 429 and 5xx may pass; everything else needs another request. */
function refused(settings: RemoteSettings, response: Response, body: string): RemoteServiceError {
  const { status } = response;
  const isTransient = status >= 500 || [408, 425, 429].includes(status);
  const advice = isTransient ? 'It may pass' : 'Check address, key and model name';
  const said = messageOf(body);
  return fault(settings, `status ${status}${said === '' ? '' : ` (${said})`}. ${advice}`, {
    statusCode: status,
    isTransient,
    retryAfterMs: retryAfterOf(response.headers.get('retry-after')),
  });
}

function fault(
  { api, url, name }: RemoteSettings,
  what: string,
  details: { statusCode?: number; isTransient: boolean; retryAfterMs?: number | undefined },
  cause?: unknown,
): RemoteServiceError {
  const { origin, pathname } = new URL(url);
  const address = `${origin}${pathname}`;
  return new RemoteServiceError(
    `Cannot rerank with "${name}" (${api}, ${address}): ${what}.`,
    { url: address, ...details },
    { cause },
  );
}

/** Seconds, or a date. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** The short text that the usual services put into errors. */
function messageOf(body: string): string {
  try {
    const { message, detail, error } = JSON.parse(body) as Record<string, unknown>;
    const said = [message, detail, error].find((one) => typeof one === 'string') as string | undefined;
    return (said ?? '').replace(/\s+/g, ' ').slice(0, 200);
  } catch {
    return '';
  }
}

function causeOf(error: unknown): string {
  const { cause = error } = error as { cause?: unknown };
  const { code, message } = cause as { code?: string; message?: string };
  return code ?? message ?? String(error);
}
