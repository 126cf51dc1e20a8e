import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  ask,
  bytesOf,
  event,
  ignore,
  type Play,
  played,
  playedRaw,
  proxyBefore,
  socketTo,
  until,
} from '../../support/doubles/proxy-setup.ts';
import { proxyStarter } from '../../support/doubles/proxy-starter.ts';

const kept = closedAfterEach();

const proxied = proxyStarter(kept);

const echo: Play = ({ body }, response) => response.end(body);

describe('a proxy passing requests', () => {
  it('gives the first byte of an answer out before the last has come in', async () => {
    const rest = event();
    const server = await played((_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first');
      void rest.happened.then(() => response.end('last'));
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await until(socket, /first/)).toContain('200 OK');
    rest.happen();
    expect(await until(socket, /last/)).toContain('last');
    socket.destroy();
  });

  it('gives the head of an answer out before its body has begun', async () => {
    const rest = event();
    const server = await playedRaw((_request, response) => {
      response.writeHead(200, { 'x-early': '1' });
      response.write('');
      response.flushHeaders();
      void rest.happened.then(() => response.end('body'));
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(await until(socket, /x-early: 1\r\n/)).toContain('200 OK');
    rest.happen();
    expect(await until(socket, /body/)).toContain('body');
  });

  it('gives the first byte of a request on before the last has come in', async () => {
    const first = event();
    const server = await playedRaw((request, response) => {
      request.once('data', first.happen);
      void bytesOf(request).then((body) => response.end(body), ignore);
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('POST /_bulk HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 9\r\n\r\nfirst');
    await first.happened;
    socket.write('last');
    expect((await until(socket, /last/)).split('\r\n').at(-1)).toBe('firstlast');
  });

  it('gives the head of a request on before its body has begun', async () => {
    const asked = event();
    const server = await playedRaw((request, response) => {
      asked.happen();
      void bytesOf(request).then((body) => response.end(body), ignore);
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
    socket.write('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
    await asked.happened;
    socket.write('body');
    expect(await until(socket, /body/)).toContain('200 OK');
  });

  it('makes no chunks for a request that has no body', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
    socket.write('POST /_refresh HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(socket, /200 OK/);
    const names = server.seen[0]!.rawHeaders.map((name) => name.toLowerCase());
    expect(names).not.toContain('transfer-encoding');
    expect(names[names.indexOf('content-length') + 1]).toBe('0');
  });

  it('passes an answer that announces trailers beside a length, which cannot be', async () => {
    const server = createNetServer((socket) => {
      socket.on('error', ignore);
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTrailer: X\r\n\r\na'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    kept({ close: () => new Promise((resolve) => server.close(resolve)) });
    const setup = await proxyBefore(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    kept({ close: () => setup.close() });
    expect((await ask(setup.proxy.url, { path: '/x' })).body.toString()).toBe('a');
  });

  it('holds a fast sender back for a slow receiver, in both directions', async () => {
    const pause = event();
    const server = await playedRaw((request, response) => {
      void pause.happened.then(() => request.pipe(response));
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    const mebibyte = Buffer.alloc(1024 * 1024, 'x');
    const count = 64;
    socket.write(
      `POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${count * mebibyte.length}\r\n\r\n`,
    );
    let sent = 0;
    const write = (): void => {
      while (sent < count) {
        sent += 1;
        if (!socket.write(mebibyte)) return;
      }
    };
    socket.on('drain', write);
    write();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Nobody reads: what was taken are the buffers of four sockets.
    const stalledAt = sent;
    expect(stalledAt).toBeLessThan(count / 2);
    pause.happen();
    await new Promise((resolve) => setTimeout(resolve, 300));
    // The caller does not read its answer, so that the server cannot go on either.
    expect(sent).toBeLessThan(count);
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await new Promise((resolve) => socket.once('close', resolve));
    expect(received).toBeGreaterThanOrEqual(count * mebibyte.length);
  });

  it('passes HEAD with the length of what GET would give', async () => {
    const server = await played((_seen, response) =>
      response.writeHead(200, { 'content-length': '12345' }).end(),
    );
    const { proxy } = await proxied(server);
    const answer = await ask(proxy.url, { method: 'HEAD', path: '/products-1' });
    expect(answer.headers['content-length']).toBe('12345');
    expect(answer.body).toHaveLength(0);
  });

  it('passes trailers in both directions', async () => {
    const got = event();
    let trailers: readonly string[] = [];
    const server = await played((_seen, response, request) => {
      trailers = request.rawTrailers;
      got.happen();
      response.writeHead(200, ['Trailer', 'X-Sum']);
      response.write('body');
      response.addTrailers([['X-Sum', '1']]);
      response.end();
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    const head = 'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTrailer: X-Check\r\n';
    socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Check: 7\r\n\r\n`);
    const text = await until(socket, /X-Sum: 1\r\n\r\n$/);
    expect(text).toContain('0\r\nX-Sum: 1\r\n\r\n');
    await got.happened;
    expect(trailers).toEqual(['X-Check', '7']);
  });

  it('leaves "100 Continue" to the server, and a refusal before the body too', async () => {
    const server = await playedRaw(
      (request, response) => void bytesOf(request).then((body) => response.end(body), ignore),
      [],
      (request, response) => {
        if (request.url === '/refused') return void response.writeHead(413).end('too large');
        response.writeContinue();
        void bytesOf(request).then((body) => response.end(body), ignore);
      },
    );
    const { proxy } = await proxied(server);
    const ask100 = async (path: string) => {
      const socket = await socketTo(proxy.url);
      kept({ close: async () => socket.destroy() });
      socket.write(`PUT ${path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
      return { socket, first: await until(socket, /\r\n\r\n/) };
    };
    expect((await ask100('/refused')).first).toMatch(/^HTTP\/1.1 413/);
    const { socket, first } = await ask100('/taken');
    expect(first).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    expect(await until(socket, /body/)).toContain('200 OK');
  });

  it('asks for the body itself when the server says neither yes nor no', async () => {
    const server = await playedRaw(ignore, [], (request, response) => {
      void bytesOf(request).then((body) => response.end(body), ignore);
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
    socket.write('PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    expect(await until(socket, /\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    expect(await until(socket, /body/)).toContain('200 OK');
  });
});
