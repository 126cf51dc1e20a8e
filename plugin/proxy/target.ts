/** The cluster behind the proxy: its address, its connections, and the sending of one request. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { ConfigurationError } from '../../engine/index.ts';
import type { RawHeaders } from './headers.ts';

/** Encryption of the connections to the cluster. */
export interface TargetTls {
  /** Certificates (PEM) that may have signed the cluster's. @defaultValue the system's */
  readonly ca?: string | undefined;
  /** The proxy's own certificate (PEM); needs `key`. @defaultValue none */
  readonly cert?: string | undefined;
  /** The proxy's own private key (PEM); needs `cert`. @defaultValue none */
  readonly key?: string | undefined;
  /** What the private key is encrypted with. @defaultValue none */
  readonly passphrase?: string | undefined;
  /** Whether to talk to a cluster whose certificate cannot be checked. @defaultValue false */
  readonly insecure?: boolean | undefined;
}

/** Most bytes of the headers of one message; larger than the cluster's own limit, which then decides. */
export const maxHeaderBytes = 65_536;

/** Most idle connections that are kept open. */
const maxFreeSockets = 256;

/** One request as it goes over the wire. */
export interface TargetCall {
  /** HTTP method. */
  readonly method: string;
  /** Path and query string, exactly as the caller wrote them. */
  readonly path: string;
  /** Headers, framing included; `Host` is added by {@link Target.open}. */
  readonly headers: RawHeaders;
}

/** A cluster that requests are sent to. */
export interface Target {
  /** Address, for messages: `https://search.example:9200`. */
  readonly address: string;
  /** Opens one request; the caller still has to write its body. */
  open(call: TargetCall): ClientRequest;
  /** Closes all connections. */
  close(): void;
}

/** Opens connections on demand and keeps them. @throws ConfigurationError for an impossible address. */
export function openTarget(
  address: string,
  { tls = {}, keepsHost = false }: { readonly tls?: TargetTls | undefined; readonly keepsHost?: boolean },
): Target {
  const url = checkedUrl(address);
  const { insecure, ...files } = tls;
  const pool = { keepAlive: true, maxFreeSockets, scheduling: 'lifo' as const };
  const isTls = url.protocol === 'https:';
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const agent = isTls
    ? new HttpsAgent({ ...pool, ...files, ...(insecure && { rejectUnauthorized: false }) })
    : new HttpAgent(pool);
  const request = isTls ? httpsRequest : httpRequest;
  const prefix = url.pathname.replace(/\/$/, '');
  return {
    address: `${url.origin}${prefix}`,
    open({ method, path, headers }) {
      const hasHost = keepsHost && headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'host');
      const call = request({
        agent,
        hostname,
        port: url.port || (isTls ? 443 : 80),
        ...(isTls && isIP(hostname) === 0 && { servername: hostname }),
        method,
        path: path.startsWith('/') ? `${prefix}${path}` : path,
        headers: hasHost ? [...headers] : ['Host', url.host, ...withoutHost(headers)],
        maxHeaderSize: maxHeaderBytes,
      });
      // By default Node silently drops headers after the 2000th; here only the size limit bounds them.
      call.maxHeadersCount = 0;
      return call;
    },
    close: () => agent.destroy(),
  };
}

function withoutHost(headers: RawHeaders): RawHeaders {
  return headers.filter((_, i) => headers[i - (i % 2)]!.toLowerCase() !== 'host');
}

function checkedUrl(address: string): URL {
  const fail = (message: string, cause?: unknown): never => {
    throw new ConfigurationError('Cannot open the proxy', [{ path: 'target', message }], { cause });
  };
  const expected = `expected an address such as https://search.example:9200, got "${redacted(address)}"`;
  const url = URL.canParse(address) ? new URL(address) : fail(expected);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') fail(expected);
  if (url.username !== '' || url.password !== '') {
    fail(
      'holds credentials: the proxy passes on those of each caller, and has none of its own; take them out',
    );
  }
  if (url.search !== '' || url.hash !== '') fail(`${expected}: leave out what follows "?" or "#"`);
  return url;
}

function redacted(address: string): string {
  return address.replace(/\/\/[^/@]*@/, '//…@');
}
