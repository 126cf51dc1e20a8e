import { Agent } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  ask,
  bytesOf,
  event,
  ignore,
  type Play,
  type Played,
  played,
  playedRaw,
  proxyBefore,
  type Setup,
  type SetupOptions,
  socketTo,
  until,
} from '../../support/doubles/proxy-setup.ts';

const open: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function proxied(server: Played, options?: SetupOptions): Promise<Setup> {
  open.push(() => server.close());
  const setup = await proxyBefore(server.url, options);
  open.push(() => setup.close());
  return setup;
}

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
    open.push(async () => socket.destroy());
    socket.write('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
    await asked.happened;
    socket.write('body');
    expect(await until(socket, /body/)).toContain('200 OK');
  });

  it('makes no chunks for a request that has no body', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    open.push(async () => socket.destroy());
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
    open.push(() => new Promise((resolve) => server.close(resolve)));
    const setup = await proxyBefore(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    open.push(() => setup.close());
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
      open.push(async () => socket.destroy());
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
    open.push(async () => socket.destroy());
    socket.write('PUT /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n');
    expect(await until(socket, /\r\n\r\n/)).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    socket.write('body');
    expect(await until(socket, /body/)).toContain('200 OK');
  });

  it('takes away what concerns one connection alone', async () => {
    const server = await played((_seen, response) => {
      response.writeHead(200, [
        'Connection',
        'X-Private, close',
        'X-Private',
        '1',
        'X-Public',
        '2',
        'Keep-Alive',
        'timeout=1',
      ]);
      response.end('a');
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write(
      'GET /x HTTP/1.1\r\nHost: a\r\nConnection: X-Mine, keep-alive\r\nX-Mine: 1\r\nTE: trailers\r\nProxy-Authorization: b\r\nUpgrade: h2c\r\nX-Ours: 2\r\n\r\n',
    );
    const text = await until(socket, /a\r\n0\r\n\r\n$/);
    socket.destroy();
    const names = server.seen[0]!.rawHeaders.filter((_, i) => i % 2 === 0);
    expect(names).toEqual(['Host', 'X-Ours', 'Connection']);
    expect(text).not.toMatch(/X-Private|timeout=1\r/);
    expect(text).toContain('X-Public: 2');
  });

  it('names the target as host, or whom the caller named when told so', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server);
    await ask(proxy.url, { path: '/x', headers: { host: 'caller.example' } });
    const keeping = await proxyBefore(server.url, { keepsHost: true });
    open.push(() => keeping.close());
    await ask(keeping.proxy.url, { path: '/x', headers: { host: 'caller.example' } });
    const hosts = server.seen.map(
      ({ rawHeaders }) => rawHeaders[rawHeaders.findIndex((name) => /^host$/i.test(name)) + 1],
    );
    expect(hosts).toEqual([new URL(server.url).host, 'caller.example']);
  });

  it("puts the target's own path before every request's", async () => {
    const server = await played(echo);
    const { proxy } = await proxied({ ...server, url: `${server.url}/search/` });
    await ask(proxy.url, { path: '//a/../b?x' });
    expect(server.seen[0]!.url).toBe('/search//a/../b?x');
  });

  it('passes thousands of headers, and refuses what is over the limit with 431', async () => {
    const server = await played((_seen, response) => {
      response.writeHead(200, Array.from({ length: 3000 }, (_, i) => [`x-${i}`, 'v']).flat());
      response.end();
    });
    const { proxy } = await proxied(server);
    const many = Array.from({ length: 3000 }, (_, i) => [`y-${i}`, 'v']).flat();
    const answer = await ask(proxy.url, { path: '/x', headers: ['Host', 'a', ...many] as never });
    expect(server.seen[0]!.rawHeaders.filter((name) => name.startsWith('y-'))).toHaveLength(3000);
    expect(answer.rawHeaders.filter((name) => name.startsWith('x-'))).toHaveLength(3000);
    const flood = await ask(proxy.url, { path: '/x', headers: { big: 'x'.repeat(70_000) } });
    expect(flood.status).toBe(431);
  });

  it('keeps its connections to the server, chunked bodies included', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server);
    for (let i = 0; i < 10; i++) {
      const answer = await ask(proxy.url, { method: 'POST', path: '/x', body: `body ${i}` });
      expect(answer.body.toString()).toBe(`body ${i}`);
    }
    expect(server.connections).toBe(1);
  });

  it('asks once more when the server has closed a connection that was kept', async () => {
    let requests = 0;
    const server = await playedRaw((request, response) => {
      requests += 1;
      if (requests === 2) return void request.socket.resetAndDestroy();
      response.end(String(requests));
    });
    const { proxy } = await proxied(server);
    expect((await ask(proxy.url, { path: '/x' })).body.toString()).toBe('1');
    expect((await ask(proxy.url, { path: '/x' })).body.toString()).toBe('3');
  });

  it('never sends a body twice', async () => {
    let requests = 0;
    const server = await playedRaw((request, response) => {
      requests += 1;
      if (requests === 2) return void request.socket.resetAndDestroy();
      request.resume();
      response.end(String(requests));
    });
    const { proxy } = await proxied(server);
    await ask(proxy.url, { path: '/x' });
    expect((await ask(proxy.url, { method: 'POST', path: '/_bulk', body: 'x' })).status).toBe(502);
    expect(requests).toBe(2);
  });

  it('serves many callers at once, each with its own answer', async () => {
    const server = await played(({ url, body }, response) => {
      setTimeout(() => response.end(`${url} ${body.length}`), Math.random() * 20);
    });
    const { proxy } = await proxied(server);
    const agent = new Agent({ keepAlive: true, maxSockets: 100 });
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, i) =>
        ask(proxy.url, { agent, method: 'POST', path: `/${i}`, body: Buffer.alloc(i * 50) }),
      ),
    );
    expect(answers.map(({ body }) => body.toString())).toEqual(answers.map((_, i) => `/${i} ${i * 50}`));
    agent.destroy();
  });

  it('answers a caller of HTTP/1.0 without chunks', async () => {
    const server = await played((_seen, response) => {
      response.write('a');
      response.end('b');
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('GET /x HTTP/1.0\r\n\r\n');
    const text = await until(socket, /never/);
    expect(text).not.toMatch(/transfer-encoding/i);
    expect(text.endsWith('\r\n\r\nab')).toBe(true);
  });
});

describe('a proxy whose caller or server leaves', () => {
  it('ends the request to the server when the caller leaves before the answer', async () => {
    const asked = event();
    const left = event();
    const server = await playedRaw((request) => {
      request.socket.once('close', left.happen);
      asked.happen();
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
    await asked.happened;
    socket.destroy();
    await left.happened;
  });

  it('ends the request to the server when the caller leaves in the middle of its body or of its answer', async () => {
    const asked = [event(), event()];
    const left = [event(), event()];
    const server = await playedRaw((request, response) => {
      const i = request.method === 'POST' ? 0 : 1;
      request.socket.once('close', left[i]!.happen);
      if (i === 0) request.once('data', asked[0]!.happen);
      else {
        response.write('part');
        asked[1]!.happen();
      }
    });
    const { proxy } = await proxied(server);
    const uploading = await socketTo(proxy.url);
    uploading.write('POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\npart');
    await asked[0]!.happened;
    uploading.destroy();
    await left[0]!.happened;
    const downloading = await socketTo(proxy.url);
    downloading.write('GET /x HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(downloading, /part/);
    downloading.destroy();
    await left[1]!.happened;
  });

  it('cuts the answer off when the server dies inside it, so that nobody takes the part for the whole', async () => {
    const server = await playedRaw((request, response) => {
      response.write('part', () => setTimeout(() => request.socket.destroy(), 20));
    });
    const { proxy } = await proxied(server);
    await expect(ask(proxy.url, { path: '/x' })).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('hangs up on a caller that falls silent inside its request, whichever way that goes', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server, { timeoutMs: 100 });
    for (const path of ['/_bulk', '/products-1/_search']) {
      const socket = await socketTo(proxy.url);
      const type = 'Content-Type: application/json';
      socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 9\r\n\r\npart`);
      await until(socket, /never/);
      expect(socket.destroyed).toBe(true);
    }
    expect(server.seen).toHaveLength(0);
  });

  it('gives a body the time that it takes, as long as it keeps coming', async () => {
    const arrived = Array.from({ length: 4 }, event);
    const server = await playedRaw((request, response) => {
      let count = 0;
      request.on('data', (chunk: Buffer) => {
        for (const _byte of chunk) arrived[count++]!.happen();
      });
      request.once('end', () => response.end('all of it'));
    });
    // The clock is the test's own: waiting is decided by what arrives, never by how fast this machine is.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    open.push(async () => vi.useRealTimers());
    const { proxy } = await proxied(server, { timeoutMs: 60_000 });
    const socket = await socketTo(proxy.url);
    open.push(async () => socket.destroy());
    socket.write('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n');
    for (const { happened } of arrived) {
      socket.write('x');
      await happened;
      // More than the timeout in all, less than it since the last byte.
      if (happened !== arrived.at(-1)!.happened) vi.advanceTimersByTime(40_000);
    }
    expect(await until(socket, /all of it|HTTP\/1\.1 5/)).toContain('200 OK');
  });

  it('passes an answer that comes while the body is still being sent', async () => {
    const server = await playedRaw((request, response) => {
      response.writeHead(413, { connection: 'close' });
      response.end('too large', () => request.socket.end());
    });
    const { proxy } = await proxied(server);
    const socket = await socketTo(proxy.url);
    socket.write('POST /_bulk HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n');
    socket.write(Buffer.alloc(100_000));
    expect(await until(socket, /too large/)).toContain('413');
    socket.destroy();
  });
});

describe('a proxy without its server', () => {
  const errorOf = (body: Buffer) =>
    JSON.parse(body.toString()) as { error: Record<string, unknown>; status: number };

  it('answers 502 in the shape of the servers, and says what to do', async () => {
    const server = await played(echo);
    const { proxy } = await proxied(server);
    await server.close();
    for (const [method, path] of [
      ['GET', '/_cat/indices'],
      ['POST', '/products-1/_search'],
    ]) {
      const { status, body, headers } = await ask(proxy.url, {
        method,
        path,
        ...(method === 'POST' && { body: '{}' }),
      });
      const { error } = errorOf(body);
      expect(status).toBe(502);
      expect(headers['content-type']).toBe('application/json; charset=UTF-8');
      expect(errorOf(body)).toEqual({
        error: {
          root_cause: [{ type: error['type'], reason: error['reason'] }],
          type: 'bad_gateway_exception',
          reason: error['reason'],
        },
        status: 502,
      });
      expect(error['reason']).toContain(`Cannot reach the cluster at ${server.url}: connect ECONNREFUSED`);
      expect(error['reason']).toContain('Check the address given as --target, and that the cluster runs.');
    }
  });

  it('answers 502 when the server hangs up, and when it speaks no HTTP', async () => {
    const server = await playedRaw((request) => {
      if (request.url === '/hang') request.socket.destroy();
      else request.socket.end('SSH-2.0-OpenSSH\r\n');
    });
    const { proxy } = await proxied(server);
    expect((await ask(proxy.url, { path: '/hang' })).status).toBe(502);
    const odd = await ask(proxy.url, { path: '/odd' });
    expect(odd.status).toBe(502);
    expect(errorOf(odd.body).error['reason']).toContain('no HTTP server');
  });

  it('answers 504 when the server is silent for longer than the timeout', async () => {
    const server = await playedRaw(ignore);
    const { proxy } = await proxied(server, { timeoutMs: 100 });
    for (const path of ['/_cat/indices', '/products-1/_search']) {
      const { status, body } = await ask(proxy.url, { path });
      expect(status).toBe(504);
      expect(errorOf(body).error).toMatchObject({ type: 'gateway_timeout_exception' });
      expect(errorOf(body).error['reason']).toContain('gave no answer within 100 ms');
    }
  });

  it('cuts off an answer in which the server falls silent', async () => {
    const server = await playedRaw((_request, response) => void response.write('part'));
    const { proxy } = await proxied(server, { timeoutMs: 100 });
    await expect(ask(proxy.url, { path: '/x' })).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it.each([
    ['no address', 'here', 'expected an address such as'],
    ['another protocol', 'ftp://a', 'expected an address such as'],
    ['credentials', 'https://u:secret@a', 'holds credentials'],
    ['a query', 'http://a/?b', 'leave out what follows'],
  ])('refuses %s as its target, showing no secret', async (_what, target, words) => {
    const error = await proxyBefore(target).catch((caught: unknown) => caught as Error);
    expect(error).toMatchObject({ code: 'configuration', issues: [{ path: 'target' }] });
    expect((error as Error).message).toContain(words);
    expect((error as Error).message).not.toContain('secret');
  });
});
