/**
 * Reads bodies in JSON, plain or in gzip; counts the bytes as they arrive, and checks the JSON's shape before it is
 * parsed.
 */
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { ServiceFault, tooLarge } from './fault.ts';
import { assertShape } from './json-shape.ts';

/** Most values of a document on average, in a request with the most documents; names of fields do not count. */
const valuesPerDocument = 100;
/** Most values beside the documents. */
const otherValues = 1000;

/** Makes the app accept bodies in JSON alone. */
export function addJsonParser(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    try {
      const { maxDocuments } = request.state.generation!.settings;
      assertShape(body, valuesPerDocument * maxDocuments + otherValues);
    } catch (error) {
      done(error as Error);
      return;
    }
    void parse(request, body.toString(), done);
  });
}

/**
 * The body as a stream: unpacked, and counted among the bytes that the request holds.
 *
 * @throws ServiceFault `media-type` when the body is packed in another way than gzip.
 */
export function receivedBody(request: FastifyRequest, payload: RequestPayload): RequestPayload {
  const counted = countingStream(request);
  const unpack = unpacker(request);
  if (!unpack) return joined(payload, counted);
  counted.once('close', () => unpack.destroy());
  // Fastify compares the count of raw bytes with the announced length.
  payload.on('data', (chunk: Buffer) => {
    counted.receivedEncodedLength += chunk.length;
  });
  return joined(joined(payload, unpack), counted);
}

/** Passes bytes on, and ends with a fault as soon as there are too many: a few packed bytes may unpack to millions. */
function countingStream(request: FastifyRequest): Transform & { receivedEncodedLength: number } {
  const { bodyLimit } = request.routeOptions;
  let received = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      received += chunk.length;
      try {
        if (bodyLimit !== undefined && received > bodyLimit) throw tooLarge();
        request.state.held.add(chunk.length);
        done(null, chunk);
      } catch (error) {
        done(error as Error);
      }
    },
  });
  return Object.assign(counted, { receivedEncodedLength: 0 });
}

/** The stream that unpacks the body; `undefined` when the body is not packed. */
function unpacker({ headers }: FastifyRequest): Transform | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return undefined;
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  throw new ServiceFault('media-type', 'Expected a body that is not packed, or packed by gzip.');
}

/**
 * Joins streams like `pipe`, but hands the source's failure on and keeps the source open: the answer goes out over the
 * same connection.
 */
function joined<T extends Transform>(source: Readable, target: T): T {
  source.on('error', (error) => target.destroy(error));
  // The reader gets the error too. Once the request is refused there is no reader, and an error without a listener
  // would end the process.
  target.on('error', () => {});
  return source.pipe(target);
}
