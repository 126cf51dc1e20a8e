/** What the reranking service says of itself: whether it is ready, and how many requests it has answered. */

/** The service as it is seen from here. */
export interface ServiceWatch {
  /** Its answer to `/readyz`, in words. @returns `ready`, or why not. */
  readiness(): Promise<{ readonly isReady: boolean; readonly detail: string }>;
  /** How many requests `/metrics` counts, over all forms and statuses; `undefined` when it cannot be read. */
  countRequests(): Promise<number | undefined>;
}

/** Time for one question, in milliseconds. */
const timeoutMs = 5000;

/** Watches a service. @param url - Its address as it is reached from here. */
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
        // The count is one sign among others: without it the probe says that it could not be read.
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
  // Nothing was counted yet, but the counter is known.
  return text.includes(`# TYPE ${name} `) ? 0 : undefined;
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: { code?: string } };
  return cause?.code ?? message;
}
