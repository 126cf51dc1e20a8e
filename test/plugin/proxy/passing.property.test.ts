import { Agent } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  type Played,
  played,
  proxyBefore,
  type Seen,
  type Setup,
} from '../../support/doubles/proxy-setup.ts';

interface Reply {
  readonly status: number;
  readonly message: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array;
  readonly isChunked: boolean;
}

let reply: Reply;
let last: Seen;
let server: Played;
let setup: Setup;
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  server = await played((seen, response) => {
    last = seen;
    const { status, message, headers, body, isChunked } = reply;
    const length = isChunked ? [] : ['Content-Length', String(body.length)];
    response.sendDate = false;
    response.writeHead(status, message, [...headers.flat(), ...length]);
    response.end(Buffer.from(body));
  });
  setup = await proxyBefore(server.url);
});

afterAll(async () => {
  agent.destroy();
  await setup.close();
  await server.close();
});

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,14}$/);
// Visible Latin-1, blanks inside only, as the grammar of HTTP has it.
const value = fc.stringMatching(/^([!-~\u00a1-\u00ff]([ -~\u00a1-\u00ff]{0,30}[!-~\u00a1-\u00ff])?)?$/);
const reserved =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|content-length|host|expect|x-blockrank)$/i;
const headers = fc.array(
  fc.tuple(
    token.filter((name) => !reserved.test(name)),
    value,
  ),
  { maxLength: 8 },
);
const segment = fc.constantFrom(
  'products-1',
  '_doc',
  '..',
  '.',
  '',
  'a%2Fb',
  '%2e%2e',
  '%zz',
  'a+b',
  'a;b=c',
  '_bulk',
  '|{}^`"<>\\',
  '*',
  "'(x)!",
);
const query = fc.constantFrom('', '?', '?q=a+b%20c&q=d', '?a=%2B&&b', '??x', '?pretty', '?x=%C3%BC&y=#z');
const path = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), query)
  .map(([segments, tail]) => `/${segments.join('/')}${tail}`);
const request = fc.record({
  method: fc.constantFrom(
    'GET',
    'POST',
    'PUT',
    'DELETE',
    'HEAD',
    'OPTIONS',
    'PATCH',
    'PROPFIND',
    'SEARCH',
    'REPORT',
  ),
  path,
  headers,
  body: fc.oneof(fc.constant(undefined), fc.uint8Array({ maxLength: 3000 })),
  isChunked: fc.boolean(),
});
const replies = fc.record({
  status: fc.constantFrom(
    200,
    201,
    202,
    206,
    301,
    400,
    401,
    404,
    405,
    409,
    413,
    429,
    500,
    503,
    299,
    418,
    599,
  ),
  message: fc.constantFrom('OK', 'Not Quite', ''),
  headers,
  body: fc.uint8Array({ maxLength: 3000 }),
  isChunked: fc.boolean(),
});

/** What travels on: all but what frames the message and what concerns the connection. */
function travelling(raw: readonly string[]): string[] {
  return raw.filter((_, i) => !reserved.test(raw[i - (i % 2)]!));
}

describe('a proxy before any server', () => {
  it('changes no byte of what passes, in either direction', async () => {
    await fc.assert(
      fc.asyncProperty(request, replies, async (asked, answered) => {
        reply = answered;
        const { body } = asked;
        const framing =
          body === undefined
            ? []
            : asked.isChunked
              ? ['Transfer-Encoding', 'chunked']
              : ['Content-Length', String(body.length)];
        const got = await ask(setup.proxy.url, {
          agent,
          method: asked.method,
          path: asked.path,
          headers: ['Host', 'caller.example', ...asked.headers.flat(), ...framing] as never,
          ...(body && { body: Buffer.from(body) }),
        });
        expect({ method: last.method, url: last.url }).toEqual({ method: asked.method, url: asked.path });
        expect(travelling(last.rawHeaders)).toEqual(asked.headers.flat());
        expect(Buffer.compare(last.body, Buffer.from(body ?? []))).toBe(0);
        expect({ status: got.status, message: got.statusMessage }).toEqual({
          status: answered.status,
          message: answered.message,
        });
        expect(travelling(got.rawHeaders)).toEqual(answered.headers.flat());
        const expected = asked.method === 'HEAD' ? Buffer.alloc(0) : Buffer.from(answered.body);
        expect(Buffer.compare(got.body, expected)).toBe(0);
        if (!answered.isChunked) expect(got.headers['content-length']).toBe(String(answered.body.length));
      }),
      { numRuns: 400 },
    );
  });
});
