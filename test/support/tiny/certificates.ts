/** Certificates made for one test run, as PEM texts and as files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: Pair;
  readonly server: Pair;
  readonly client: Pair;
  /** A certificate of an authority that the server does not know. */
  readonly stranger: Pair;
  /** Files of the above; `encryptedKey` is the client's key under the passphrase `open sesame`. */
  readonly files: Readonly<
    Record<
      'ca' | 'strangerCa' | 'clientCert' | 'clientKey' | 'encryptedKey' | 'strangerCert' | 'strangerKey',
      string
    >
  >;
  remove(): Promise<void>;
}

export const passphrase = 'open sesame';

const ec = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

async function authority(name: string): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...ec,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

async function signedBy(ca: Pair, name: string, use: 'serverAuth' | 'clientAuth'): Promise<Pair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...ec,
    ca,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', [use]: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'search.test' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}

export async function makeCertificates(): Promise<Certificates> {
  const { createPrivateKey } = await import('node:crypto');
  const [ca, otherCa] = await Promise.all([authority('Test CA'), authority('Other CA')]);
  const [server, client, stranger] = await Promise.all([
    signedBy(ca, 'search.test', 'serverAuth'),
    signedBy(ca, 'app', 'clientAuth'),
    signedBy(otherCa, 'stranger', 'clientAuth'),
  ]);
  const encrypted = createPrivateKey(client.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase,
  });
  const folder = await mkdtemp(join(tmpdir(), 'blockrank-tls-'));
  const texts = {
    ca: ca.cert,
    strangerCa: otherCa.cert,
    clientCert: client.cert,
    clientKey: client.key,
    encryptedKey: encrypted.toString(),
    strangerCert: stranger.cert,
    strangerKey: stranger.key,
  };
  const files = await Promise.all(
    Object.entries(texts).map(async ([name, text]) => {
      const path = join(folder, `${name}.pem`);
      await writeFile(path, text);
      return [name, path] as const;
    }),
  );
  return {
    ca,
    server,
    client,
    stranger,
    files: Object.fromEntries(files) as Certificates['files'],
    remove: () => rm(folder, { recursive: true }),
  };
}
