/** Reads bodies: JSON, as it is or in gzip, counted while it comes and looked over before it is parsed. */
import { type Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest, RequestPayload } from 'fastify';
import { ServiceFault, tooLarge } from './fault.ts';
import { assertShape } from './json-shape.ts';

/** Values that each of the most documents may have on average, names of fields not counted. */
const valuesPerDocument = 100;
/** Values beside the documents. */
const otherValues = 1000;

/** Lets bodies be JSON and nothing else. */
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
 * The body as it comes: unpacked, and counted in what the request holds.
 *
 * @throws ServiceFault `media-type` when it is packed in another way than gzip.
 */
export function receivedBody(request: FastifyRequest, payload: RequestPayload): RequestPayload {
  const counted = countingStream(request);
  const unpack = unpacker(request);
  if (!unpack) return joined(payload, counted);
  counted.once('close', () => unpack.destroy());
  // Fastify compares this with the length that was announced.
  payload.on('data', (chunk: Buffer) => {
    counted.receivedEncodedLength += chunk.length;
  });
  return joined(joined(payload, unpack), counted);
}

/** Passes bytes on, and ends with a fault as soon as they are too many: a few packed ones may be millions. */
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

/** What the body is unpacked by; undefined when it is not packed. */
function unpacker({ headers }: FastifyRequest): Transform | undefined {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return undefined;
  if (encoding === 'gzip' || encoding === 'x-gzip') return createGunzip();
  throw new ServiceFault('media-type', 'Expected a body that is not packed, or packed by gzip.');
}

/** Like `pipe`, with the source's failure handed on and the source left alive: an answer still goes out beside it. */
function joined<T extends Transform>(source: Readable, target: T): T {
  source.on('error', (error) => target.destroy(error));
  // Whoever reads hears of it; once the request is refused nobody reads, and an error without a listener ends the process.
  target.on('error', () => {});
  return source.pipe(target);
}
