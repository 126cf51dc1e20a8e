/** An HTTP server on 127.0.0.1 that gives the test's answers, and remembers the requests. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request that the server got. */
export interface AskedRequest {
  /** Path and query string. */
  readonly url: string;
  /** The body, as sent. */
  readonly body: string;
}

/** What to answer: JSON with status 200, or the work of a function. */
export type Answer = object | ((response: ServerResponse, asked: AskedRequest) => void);

/** A running server. */
export interface AnsweringServer {
  /** Address of the server. */
  readonly url: string;
  /** Every request, in order. */
  readonly asked: readonly AskedRequest[];
  /** Ends the server and all its connections. */
  close(): Promise<void>;
}

/** Starts a server that gives every request this answer. */
export async function answeringServer(answer: Answer): Promise<AnsweringServer> {
  const asked: AskedRequest[] = [];
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      const entry = { url: request.url ?? '', body };
      asked.push(entry);
      if (typeof answer === 'function') answer(response, entry);
      else sendJson(response, 200, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Answers as Elasticsearch does, product header included. */
export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response
    .writeHead(status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' })
    .end(text);
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
