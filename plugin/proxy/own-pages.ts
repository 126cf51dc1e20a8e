/** The proxy's own pages, for probes and Prometheus: everything below `/_blockrank/`. */
import type { ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import type { Exchange } from './forward.ts';
import { pathOf } from './forward.ts';
import { ProxyError, sendError } from './server-error.ts';

/** The state that the pages show. */
export interface OwnPages {
  /** Whether searches are reranked and the proxy still takes requests. */
  readonly isReady: () => boolean;
  /** The metrics that `/_blockrank/metrics` shows. */
  readonly registry: Registry;
}

const prefix = '/_blockrank/';

/** Whether a request is for a page of the proxy. */
export function isOwn(exchange: Pick<Exchange, 'request'>): boolean {
  return pathOf(exchange.request).startsWith(prefix);
}

/** Answers a request for a page of the proxy. */
export async function showOwnPage(
  { isReady, registry }: OwnPages,
  { request, response }: Exchange,
): Promise<void> {
  request.resume();
  const name = pathOf(request).slice(prefix.length).replace(/\?.*$/s, '');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    sendError(
      response,
      new ProxyError({ status: 405, type: 'method_not_allowed' }, `Ask ${prefix}${name} by GET.`),
    );
    return;
  }
  switch (name) {
    case 'healthz':
      return sendJson(response, 200, { status: 'ok' });
    case 'readyz':
      return isReady()
        ? sendJson(response, 200, { status: 'ready' })
        : sendJson(response, 503, { status: 'not ready' });
    case 'metrics':
      response.writeHead(200, { 'content-type': registry.contentType });
      response.end(await registry.metrics());
      return;
    default: {
      const reason = `The proxy has no page "${prefix}${name}": it has healthz, readyz and metrics.`;
      sendError(response, new ProxyError({ status: 404, type: 'resource_not_found_exception' }, reason));
    }
  }
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
