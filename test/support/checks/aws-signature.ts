/**
 * The receiving side of AWS Signature Version 4, written from its description and nothing of the client's.
 *
 * Source: "Create a signed AWS API request", AWS Identity and Access Management user guide.
 */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AwsAccount } from '../doubles/strict-server.ts';

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();

const form =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;

/** The fault of a request's signature, in words; `undefined` when it is right. */
export function verifyAwsSignature(
  request: IncomingMessage,
  body: Buffer,
  account: AwsAccount,
): string | undefined {
  const parts = form.exec(request.headers.authorization ?? '');
  if (!parts) return 'Missing Authentication Token';
  const [, accessKeyId, day, region, service, signedNames, signature] = parts as unknown as string[];
  const time = String(request.headers['x-amz-date']);
  if (accessKeyId !== account.accessKeyId) return 'The security token included in the request is invalid.';
  if (region !== account.region || service !== account.service) {
    return `Credential should be scoped to a valid region and service, not '${region}/${service}'.`;
  }
  if (request.headers['x-amz-security-token'] !== account.sessionToken)
    return 'The security token is invalid.';
  const ageMs = Math.abs(
    Date.now() - Date.parse(time.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')),
  );
  if (!(time.startsWith(day!) && ageMs < 300_000)) return 'Signature expired.';
  const bodyDigest = sha256(body);
  if (request.headers['x-amz-content-sha256'] !== bodyDigest)
    return 'The body does not match x-amz-content-sha256.';
  const names = signedNames!.split(';');
  if (!names.includes('host')) return 'The header "host" must be signed.';

  const url = new URL(request.url!, 'http://server');
  const canonical = [
    request.method,
    request.url!.split('?')[0]!.split('/').map(encode).join('/'),
    [...url.searchParams]
      .map(([key, value]) => `${encode(key)}=${encode(value)}`)
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${String(request.headers[name]).trim().replace(/\s+/g, ' ')}`),
    '',
    signedNames,
    bodyDigest,
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n');
  const key = [region!, service!, 'aws4_request'].reduce(hmac, hmac(`AWS4${account.secretAccessKey}`, day!));
  if (hmac(key, text).toString('hex') === signature) return undefined;
  return 'The request signature we calculated does not match the signature you provided.';
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
