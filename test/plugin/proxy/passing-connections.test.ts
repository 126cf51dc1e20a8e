/** What a proxy keeps of the connections on both sides, and what it does not pass. */
import { Agent } from 'node:http';
import { describe, expect, it } from 'vitest';
import { closedAfterEach } from '../../support/closed-after-each.ts';
import {
  ask,
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
    kept({ close: () => keeping.close() });
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
