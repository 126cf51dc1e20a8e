/** Makes one HTTP call to a remote service: bounds its time, and tells its failures apart. */
import { RemoteServiceError } from '../errors.ts';
import { longestTimerMs } from '../longest-timer.ts';
import { type RemoteAnswer, type RemoteAsk, readRemoteAnswer, toRemoteRequest } from './remote-api.ts';
import type { RemoteSettings } from './remote-options.ts';

/** The header that tells a service how long its caller waits, in milliseconds; blockrank's own service reads it. */
export const deadlineHeader = 'x-blockrank-deadline-ms';

/** The limits of a call's wait. */
export interface RemoteWait {
  /** Ends the call with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Time that the caller has left, in milliseconds. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Sends one request, once.
 *
 * @throws RemoteServiceError that tells transient failures from those that the operator must mend. The message quotes
 * the service's own error text, and never a document.
 */
export async function askOnce(
  settings: RemoteSettings,
  ask: RemoteAsk,
  { signal, deadlineMs = Number.POSITIVE_INFINITY }: RemoteWait,
): Promise<RemoteAnswer> {
  const timeoutMs = Math.min(settings.timeoutMs, deadlineMs, longestTimerMs);
  const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
  /** Bytes of the answer so far; `undefined` before it began. */
  let bytes: number | undefined;
  try {
    const response = await settings.fetch(settings.url, {
      method: 'POST',
      headers: headersOf(settings, timeoutMs),
      body: JSON.stringify(toRemoteRequest(settings.api, ask)),
      redirect: 'error',
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const body = await bodyOf(response, (read) => {
      bytes = read;
    });
    if (!response.ok) throw refused(settings, response, body ?? '');
    if (body === undefined) throw unusable(settings, `it is longer than ${maxAnswerBytes} bytes`);
    return answerOf(settings, { body, type: response.headers.get('content-type') }, ask.texts.length);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    if (error instanceof RemoteServiceError) throw error;
    const began = bytes === undefined ? 'no answer' : `no whole answer (${bytes} bytes)`;
    const broken = bytes === undefined ? '' : `its answer broke off after ${bytes} bytes: `;
    const what = timeout.aborted ? `${began} within ${Math.round(timeoutMs)} ms` : broken + causeOf(error);
    throw fault(settings, `${what}. Check that it runs and can be reached`, { isTransient: true }, error);
  }
}

/**
 * Most bytes of an answer that are read: some hundred times the size of any service's answer for a thousand documents.
 */
const maxAnswerBytes = 16 * 1024 * 1024;

/** The whole body; `undefined` for a body that is too long, whose rest is not read. */
async function bodyOf(response: Response, onBytes: (read: number) => void): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let read = 0;
  onBytes(read);
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk);
    read += chunk.byteLength;
    onBytes(read);
    // Leaving the loop cancels the body.
    if (read > maxAnswerBytes) return undefined;
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
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

function answerOf(
  settings: RemoteSettings,
  { body, type }: { readonly body: string; readonly type: string | null },
  count: number,
): RemoteAnswer {
  if (body.trim() === '') throw unusable(settings, 'it is empty');
  const answer = readRemoteAnswer(settings.api, jsonOf(settings, body, type), count);
  if (typeof answer === 'string') throw unusable(settings, answer);
  return answer;
}

function jsonOf(settings: RemoteSettings, body: string, type: string | null): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    // The parser's message quotes the answer, and that may quote a document.
    if (error instanceof SyntaxError) {
      throw unusable(
        settings,
        `it is not JSON but ${type ?? 'of no content type'}, ${body.length} characters`,
      );
    }
    throw error;
  }
}

/** The error for an answer that is no ranking: asking again would not help. */
function unusable(settings: RemoteSettings, why: string): RemoteServiceError {
  const advice = `Check that the address speaks the wire form "${settings.api}"`;
  return fault(settings, `cannot use its answer: ${why}. ${advice}`, { isTransient: false });
}

/**
 * The error for an answer with an error status: 408, 425, 429 and 5xx are transient; any other needs another request.
 */
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

/** The wait in a `Retry-After` header, in milliseconds: the header holds seconds, or a date. */
function retryAfterOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** The short text that the usual services put into their errors. */
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
