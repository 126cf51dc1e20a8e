/** Asks the reranking service whether it is ready, and how many requests it has answered. */

/** A reranking service, as the command reaches it. */
export interface ServiceWatch {
  /** The service's answer to `/readyz`. @returns Whether the service is ready, and the answer in words. */
  readiness(): Promise<{ readonly isReady: boolean; readonly detail: string }>;
  /** How many requests `/metrics` counts, over all forms and statuses; `undefined` when the count cannot be read. */
  countRequests(): Promise<number | undefined>;
}

/** Time for one question, in milliseconds. */
const timeoutMs = 5000;

/** Watches a service. @param url - The service's address, as the command reaches it. */
export function watchService(
  url: string,
  { key, signal }: { readonly key: string | undefined; readonly signal: AbortSignal },
): ServiceWatch {
  const base = url.replace(/\/+$/, '');
  const ask = (path: string): Promise<Response> =>
    fetch(`${base}${path}`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
  return {
    async readiness() {
      try {
        const answer = await ask('/readyz');
        await answer.arrayBuffer();
        return answer.ok
          ? { isReady: true, detail: 'ready' }
          : { isReady: false, detail: `/readyz answers ${answer.status}` };
      } catch (error) {
        signal.throwIfAborted();
        return { isReady: false, detail: `cannot be reached from here (${reasonOf(error)})` };
      }
    },
    async countRequests() {
      try {
        const answer = await ask('/metrics');
        const text = await answer.text();
        return answer.ok ? sumOf(text, 'blockrank_service_requests_total') : undefined;
      } catch {
        // The count is one sign among others; when it is missing, the probe says so.
        signal.throwIfAborted();
        return undefined;
      }
    },
  };
}

/** Sum of a counter over its labels, in Prometheus' text form; `undefined` when the text has no such counter. */
function sumOf(text: string, name: string): number | undefined {
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
    .map((line) => Number(/ (\S+)(?: \d+)?$/.exec(line)?.[1]));
  if (values.length > 0) return values.reduce((sum, value) => sum + value, 0);
  // The service knows the counter and has counted nothing yet.
  return text.includes(`# TYPE ${name} `) ? 0 : undefined;
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string } };
  return cause?.code ?? message;
}
