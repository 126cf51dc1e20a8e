/** A proxy before a search server, through which a test sees every call, and can end a process between two of them. */
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A call as the proxy sees it. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** A test's hooks at each call; a hook may hold the call as long as it likes, and `false` stops the call. */
export interface ProxyHooks {
  /** Runs before the server gets the call. */
  onCall?(call: SeenCall): Promise<boolean> | boolean;
  /** Runs after the server answered, before the answer goes back. */
  onAnswer?(call: SeenCall): Promise<boolean> | boolean;
}

export interface KillingProxy {
  readonly url: string;
  /** Replaces the hooks. */
  use(hooks: ProxyHooks): void;
  close(): Promise<void>;
}

export async function startKillingProxy(target: string): Promise<KillingProxy> {
  let hooks: ProxyHooks = {};
  const { hostname, port } = new URL(target);
  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const body = await readAll(incoming);
    const { method = 'GET', url: path = '/', headers } = incoming;
    const call = { method, path, body: body.toString() };
    if ((await hooks.onCall?.(call)) === false) return void incoming.socket.destroy();
    const answer = await send(
      { hostname, port, method, path, headers: { ...headers, host: `${hostname}:${port}` } },
      body,
    );
    if ((await hooks.onAnswer?.(call)) === false) return void incoming.socket.destroy();
    outgoing.writeHead(answer.status, answer.headers).end(answer.body);
  };
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    use(next) {
      hooks = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

function send(options: object, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = httpRequest(options, (answer) => {
      readAll(answer).then((bytes) => {
        const { 'transfer-encoding': _, ...headers } = answer.headers;
        resolve({ status: answer.statusCode ?? 500, headers, body: bytes });
      }, reject);
    });
    call.on('error', reject).end(body);
  });
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
