/** A caller, or a cluster, that leaves in the middle or never comes. */
import { describe, expect, it, vi } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  ask,
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
    kept({ close: async () => vi.useRealTimers() });
    const { proxy } = await proxied(server, { timeoutMs: 60_000 });
    const socket = await socketTo(proxy.url);
    kept({ close: async () => socket.destroy() });
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
