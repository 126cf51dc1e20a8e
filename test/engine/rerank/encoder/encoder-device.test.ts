import { beforeAll, describe, expect, it } from 'vitest';
import { openEncoderReranker } from '../../../../engine/index.ts';
import { readEncoderConfig } from '../../../../engine/model/read-encoder-config.ts';
import { cutStates } from '../../../../engine/rerank/encoder/cut-states.ts';
import type { DeviceBatch, DeviceStates } from '../../../../engine/rerank/encoder/device-program.ts';
import { open as openDevice } from '../../../../engine/rerank/encoder/device-program.ts';
import { choosePlaces } from '../../../../engine/rerank/encoder/encoder-places.ts';
import { type EncoderTask, EncoderWorkers } from '../../../../engine/rerank/encoder/encoder-workers.ts';
import type { PooledProgram } from '../../../../engine/session/pool.ts';
import { floatToHalf } from '../../../../engine/weights/half.ts';
import { weightsFor } from '../../../../engine/weights/precision-weights.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { shortlistOf } from '../../../support/tiny/shortlist.ts';
import { tinyModel } from '../../../support/tiny/tiny-model.ts';

let model: string;
beforeAll(async () => {
  model = await tinyModel();
});

/** A program that answers in this thread, and what it was asked. */
function programOf<Request, Response>(run: (request: Request) => Promise<Response> | Response) {
  const asked: Request[] = [];
  const program: PooledProgram<Request, Response> = {
    size: 2,
    isOpen: true,
    idle: 1,
    run: async (request) => {
      asked.push(request);
      return run(request);
    },
    close: async () => {},
  };
  return { program, asked };
}

/** Rows of width 2, numbered: what a device would give of blocks padded to `longest` tokens. */
const numbered = (blocks: number, longest: number): Float32Array =>
  Float32Array.from({ length: blocks * longest * 2 }, (_, i) => i);

describe('EncoderWorkers with a device', () => {
  it('sends it each batch once, and has the processor’s workers cut what comes back', async () => {
    const device = programOf<DeviceBatch, DeviceStates>(({ blocks }) => ({
      rows: numbered(blocks.length, 3),
      rowsPerBlock: 3,
    }));
    const host = programOf<EncoderTask, never>((task) => {
      if (task.kind !== 'cut') throw new TypeError(`unexpected ${task.kind}`);
      return cutStates(task.part) as never;
    });
    const workers = new EncoderWorkers(host.program, {
      device: { program: device.program, width: 2, tier: 'tokens' },
    });
    const blocks = Array.from({ length: 40 }, (_, b) => new Int32Array(1 + (b % 3)));
    const encoded = await workers.encode(blocks, {});
    expect(device.asked.map((batch) => batch.blocks)).toEqual([blocks]);
    encoded.forEach(({ anchor, tokens }, b) => {
      expect([...anchor]).toEqual([6 * b, 6 * b + 1]);
      expect([...tokens!]).toEqual(Array.from({ length: 2 * blocks[b]!.length }, (_, i) => 6 * b + i));
    });
    expect(host.asked.length).toBeGreaterThan(1); // several workers share a batch
  });

  it('takes anchors as they come, with no task of the processor’s', async () => {
    const device = programOf<DeviceBatch, DeviceStates>(() => ({ rows: numbered(2, 1), rowsPerBlock: 1 }));
    const host = programOf<EncoderTask, never>(() => {
      throw new TypeError('unexpected');
    });
    const workers = new EncoderWorkers(host.program, {
      device: { program: device.program, width: 2, tier: 'anchor' },
    });
    const encoded = await workers.encode([new Int32Array(3), new Int32Array(1)], {});
    expect(encoded.map(({ anchor, tokens }) => [[...anchor], tokens])).toEqual([
      [[0, 1], undefined],
      [[2, 3], undefined],
    ]);
  });

  it('asks it neither for queries nor for texts nor for the products of the readout', async () => {
    const device = programOf<DeviceBatch, DeviceStates>(() => {
      throw new TypeError('unexpected');
    });
    const host = programOf<EncoderTask, never>(
      (task) =>
        (task.kind === 'sums'
          ? { logSums: new Float64Array(1), passageMatches: new Float64Array(1) }
          : []) as never,
    );
    const workers = new EncoderWorkers(host.program, {
      device: { program: device.program, width: 2, tier: 'tokens' },
    });
    const query = {
      width: 2,
      anchor: new Float32Array(2),
      tokens: new Float32Array(2),
      blockTokens: 1,
      truncatedTokens: 0,
    };
    const state = {
      width: 2,
      blockTokens: [1],
      anchors: new Float32Array(2),
      tokens: new Float32Array(2),
      truncatedTokens: 0,
    };
    await workers.encodeQuery({ text: 'when' });
    await workers.tokenise(['text'], {});
    await workers.tokenSums(query, [state], 1);
    expect(host.asked.map(({ kind }) => kind)).toEqual(['queries', 'tokenise', 'sums']);
    expect(device.asked).toEqual([]);
  });
});

describe('memory of batches', () => {
  it('is used again once a batch is cut, and taken anew where it is too small', async () => {
    const config = await readEncoderConfig(model);
    const weights = await weightsFor(
      'fp32',
      { folder: model, file: 'model.safetensors', digest: model },
      model,
    );
    const data = { config, weights, modelDigest: model, precision: 'fp16', tier: 'tokens', provider: 'cpu' };
    const program = await openDevice(data);
    const device = programOf<DeviceBatch, DeviceStates>((batch) => program.run(batch));
    const host = programOf<EncoderTask, never>(
      (task) => (task.kind === 'cut' ? cutStates(task.part) : []) as never,
    );
    const workers = new EncoderWorkers(host.program, {
      device: { program: device.program, width: config.width, tier: 'tokens' },
    });
    const batches = [
      [2, 7, 9, 3],
      [2, 8, 3],
      [2, 7, 9, 8, 7, 3],
    ].map((ids) => [Int32Array.from(ids)]);
    const together = [];
    for (const blocks of batches) together.push(await workers.encode(blocks, {}));
    const bytes = device.asked.map(({ spare }) => spare?.byteLength);
    expect(bytes).toEqual([undefined, 4 * config.width * 2, 4 * config.width * 2]);
    // What was cut stays as it was, whatever is written to the memory later.
    const alone = new EncoderWorkers(host.program, {
      device: { program: device.program, width: config.width, tier: 'tokens' },
    });
    for (const [i, blocks] of batches.entries()) expect(together[i]).toEqual(await alone.encode(blocks, {}));
    await program.close();
  });
});

describe('cutStates', () => {
  it('gives each block memory of its own, of halves as float32', () => {
    const rows = Uint16Array.from(numbered(2, 2), floatToHalf);
    const [, second] = cutStates({ rows, rowsPerBlock: 2, width: 2, first: 0, lengths: [2, 1] });
    expect([...second!.tokens!]).toEqual([4, 5]);
    expect(second!.tokens!.buffer.byteLength).toBe(8);
    expect(second!.tokens!.buffer).toBeInstanceOf(SharedArrayBuffer);
  });
});

describe('the device program', () => {
  it.each(['tokens', 'anchor'] as const)(
    'gives the states of tier %s in one piece, halves in half precision',
    async (tier) => {
      const config = await readEncoderConfig(model);
      const weights = await weightsFor(
        'fp32',
        { folder: model, file: 'model.safetensors', digest: model },
        model,
      );
      const data = { config, weights, modelDigest: model, tier, provider: 'cpu' };
      const blocks = [Int32Array.of(2, 7, 9, 3), Int32Array.of(2, 3)];
      const given: DeviceStates[] = [];
      for (const precision of ['fp32', 'fp16']) {
        const program = await openDevice({ ...data, precision });
        given.push(await program.run({ blocks }));
        await program.close();
      }
      const [exact, half] = given as [DeviceStates, DeviceStates];
      expect(half.rows).toBeInstanceOf(tier === 'tokens' ? Uint16Array : Float32Array);
      const cut = ({ rows, rowsPerBlock }: DeviceStates) =>
        cutStates({
          rows,
          rowsPerBlock,
          width: config.width,
          first: 0,
          lengths: tier === 'tokens' ? [4, 2] : [1, 1],
        });
      cut(half).forEach(({ tokens }, b) => {
        assertAllClose(tokens!, cut(exact)[b]!.tokens!, { atol: 1e-3 });
      });
    },
  );
});

describe('half precision', () => {
  const shortlist = shortlistOf(
    'how to bake bread',
    'Bread dough rises while it rests.',
    'The stars of the southern sky are bright in June.',
    'A recipe for bread: flour, water, salt and time.',
    '',
  );

  it('scores within 2e-3 of float32, in the same order, and is told apart by its digest', async () => {
    const options = { model, workers: 1, warmUp: false, cacheFolder: model };
    const [exact, half] = [
      await openEncoderReranker(options),
      await openEncoderReranker({ ...options, precision: 'fp16' }),
    ];
    const [expected, given] = [await exact.rerank(shortlist), await half.rerank(shortlist)];
    expect(given.candidates.map(({ index }) => index)).toEqual(expected.candidates.map(({ index }) => index));
    assertAllClose(
      given.candidates.map(({ score }) => score),
      expected.candidates.map(({ score }) => score),
      { atol: 2e-3 },
    );
    expect(half.info.encodingDigest).not.toBe(exact.info.encodingDigest);
    await Promise.all([exact.close(), half.close()]);
  });
});

describe('choosePlaces', () => {
  it('leaves everything to the processor where that is the device', async () => {
    expect(await choosePlaces({ device: 'cpu' })).toMatchObject({
      provider: 'cpu',
      precision: 'fp32',
      processorPrecision: 'fp32',
      isProcessorAlone: true,
    });
  });

  it('takes the batch size and the precision that it is given', async () => {
    expect(await choosePlaces({ precision: 'fp16', batchTokens: 7 })).toMatchObject({
      precision: 'fp16',
      batchTokens: 7,
    });
  });
});
