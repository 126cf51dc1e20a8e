import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { type Played, playedRaw } from '../../support/doubles/proxy-setup.ts';
import { builtProgram } from '../../support/programs/built.ts';

const mebibyte = 1024 * 1024;
/** Bytes that pass in each direction: enough that keeping them would show. */
const size = 1024 * mebibyte;
/** What a process may grow by while they pass: buffers of sockets, and garbage. */
const allowed = 200 * mebibyte;

let child: ChildProcess | undefined;
let server: Played | undefined;

afterEach(async () => {
  child?.kill();
  await server?.close();
});

function residentBytes(pid: number): number {
  const [, resident] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return Number(resident) * 4096;
}

async function startProxy(target: string): Promise<string> {
  const program = builtProgram('test/support/programs/proxy-program.ts');
  child = spawn(process.execPath, [program, target], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve) => createInterface({ input: child!.stdout! }).once('line', resolve));
}

function* zeros(): Generator<Buffer> {
  const part = Buffer.alloc(mebibyte);
  for (let sent = 0; sent < size; sent += part.length) yield part;
}

async function lengthOf(message: IncomingMessage, watch: () => void): Promise<number> {
  let length = 0;
  for await (const chunk of message) {
    length += (chunk as Buffer).length;
    watch();
  }
  return length;
}

describe.skipIf(!existsSync('/proc/self/statm'))('the memory of a proxy', () => {
  it.each([
    ['its length named', { 'content-length': String(size) }],
    ['no length', { 'transfer-encoding': 'chunked' }],
  ])('stays flat while a gigabyte passes in both directions at once, with %s', async (_what, framing) => {
    server = await playedRaw((request, response) => {
      response.writeHead(200, framing);
      request.pipe(response);
    });
    const url = await startProxy(server.url);
    // The search path holds what it reads: one over the limit must not be held either.
    const request = httpRequest(`${url}/products-1/_search`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...framing },
    });
    const before = residentBytes(child!.pid!);
    let most = before;
    Readable.from(zeros(), { objectMode: false }).pipe(request);
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      request.once('response', resolve).once('error', reject),
    );
    const length = await lengthOf(answer, () => {
      most = Math.max(most, residentBytes(child!.pid!));
    });
    console.log(
      `Proxy: ${Math.round(before / mebibyte)} MiB before, at most ${Math.round(most / mebibyte)} MiB`,
    );
    expect(length).toBe(size);
    expect(most - before).toBeLessThan(allowed);
  });
});
