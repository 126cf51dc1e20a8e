/** A model hub on 127.0.0.1: the calls that pulling makes, over one folder's files. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** The commit that every revision of the hub stands for. */
export const hubCommit = 'c0ffee0000000000000000000000000000000000';

/** A running hub. */
export interface ModelHub {
  readonly url: string;
  /** `METHOD path range` of every request. */
  readonly asked: readonly string[];
  /** Bytes after which each download breaks off; `undefined`: no download does. */
  breakAfter: number | undefined;
  /** File whose content is damaged on the way. */
  damaged: string | undefined;
  close(): Promise<void>;
}

/** Starts a hub with one model. Where a token is needed, the hub refuses requests without it. */
export async function modelHub(repository: string, folder: string, token?: string): Promise<ModelHub> {
  const asked: string[] = [];
  const state: { breakAfter: number | undefined; damaged: string | undefined } = {
    breakAfter: undefined,
    damaged: undefined,
  };
  const files = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0]!);
    asked.push(`${request.method} ${path} ${request.headers.range ?? ''}`.trim());
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (token && request.headers.authorization !== `Bearer ${token}`) return json(401, { error: 'token' });
    if (path.startsWith(`/api/models/${repository}/tree/`))
      return json(
        200,
        files.map((file) => entry(folder, file)),
      );
    if (path.startsWith(`/api/models/${repository}`))
      return json(200, { id: repository, _id: '1', sha: hubCommit });
    const file = files.find((name) => path === `/${repository}/resolve/${hubCommit}/${name}`);
    if (!file) return json(404, { error: 'Entry not found' });
    const content = readFileSync(join(folder, file));
    if (state.damaged === file) content[0]! ^= 255;
    sendFile(request, response, content, state.breakAfter);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

function sendFile(
  { headers, method }: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  breakAfter = Number.POSITIVE_INFINITY,
): void {
  const [, from = '0', to = ''] = /bytes=(\d+)-(\d*)/.exec(headers.range ?? '') ?? [];
  const last = to === '' ? content.length - 1 : Number(to);
  const part = content.subarray(Number(from), last + 1);
  response.writeHead(headers.range ? 206 : 200, {
    etag: `"${digestOf(content)}"`,
    'accept-ranges': 'bytes',
    'content-length': part.length,
    'content-range': `bytes ${from}-${last}/${content.length}`,
  });
  if (method === 'HEAD') response.end();
  else if (part.length <= breakAfter) response.end(part);
  else response.write(part.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), 50));
}

function entry(folder: string, path: string): object {
  const content = readFileSync(join(folder, path));
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex');
  const isLarge = path.endsWith('.safetensors');
  return {
    type: 'file',
    path,
    size: content.length,
    oid,
    ...(isLarge ? { lfs: { oid: digestOf(content), size: content.length, pointerSize: 130 } } : {}),
  };
}

const digestOf = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
