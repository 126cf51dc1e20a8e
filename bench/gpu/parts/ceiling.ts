/** What the device can do at all, through the runtime: matrix products alone, and copies to it and back. */
import { join } from 'node:path';
import { toOnnx } from '../../../engine/graph/onnx.ts';
import * as g from '../../../engine/graph/operations/index.ts';
import { fileTensor, input, scalar, type Value } from '../../../engine/graph/value.ts';
import type { DecoderConfig } from '../../../engine/network/decoder-config.ts';
import { type GraphSession, openSession, type SessionOptions } from '../../../engine/session/runtime.ts';
import { rounded, threads } from '../../support/bench.ts';
import { decoderShapes } from '../../support/decoder-shape.ts';
import { steady } from '../../support/measure.ts';
import { idsOf } from '../../support/passes.ts';
import { writeRandomNumbers } from '../../support/random-weights.ts';
import type { Part, PartOptions } from '../part.ts';

/** Pairs of products in one run, from the width to the inner width and back: enough that launching them counts for nothing. */
const pairs = 10;

/** Products first, for copies may be refused where buffers are small. */
export const ceiling: Part<'ceiling'> = async (options, say) => {
  const { config } = decoderShapes[options.shape];
  const session = { folder: options.folder, threads, prepack: false, provider: options.device };
  const products = await openProducts(options, config, session);
  for (const rows of options.sizes.rows) {
    const ms = await steady(options.rounds, () => products.run(idFeed(rows, config), ['last']));
    const operations = pairs * 2 * 2 * rows * config.width * config.innerWidth;
    say({ tflopPerSecondByRows: { [rows]: rounded(operations / ms / 1e9) } });
  }
  await products.release();
  await timeCopies(options, session, say);
};

/** The rows come from a table on the device, so that nothing but their numbers is copied. */
async function openProducts(
  { stored, computed, folder }: PartOptions<'ceiling'>,
  { width: W, innerWidth: F, vocabulary }: DecoderConfig,
  session: SessionOptions,
): Promise<GraphSession> {
  const bytes = stored === 'float32' ? 4 : 2;
  const tensor = async (name: string, rows: number, columns: number, amplitude: number): Promise<Value> => {
    const length = bytes * rows * columns;
    await writeRandomNumbers(join(folder, name), { type: stored, bytes: length, amplitude });
    const value = fileTensor(
      name,
      { type: stored, shape: [rows, columns] },
      { location: name, offset: 0, length },
    );
    return g.cast(value, computed);
  };
  const table = await tensor('table', Math.min(vocabulary, 1024), W, 1);
  // Amplitudes that keep the size of what is multiplied: a chain of products neither vanishes nor ends in infinities.
  const up = await tensor('up', F, W, Math.sqrt(2 / W));
  const down = await tensor('down', W, F, Math.sqrt(2 / F));
  let x = g.gather(table, input('ids', 'int64', ['T']));
  for (let pair = 0; pair < pairs; pair += 1) x = g.linear(g.linear(x, up), down);
  return openSession(toOnnx({ last: g.cast(g.slice(x, { axis: 0, start: 0, end: 1 }), 'float32') }), session);
}

function idFeed(rows: number, config: DecoderConfig) {
  const ids = idsOf(rows, { vocabulary: Math.min(config.vocabulary, 1024) });
  return { ids: { type: 'int64', shape: [rows], data: BigInt64Array.from(ids, BigInt) } } as const;
}

/** Up: all is fed and one number read. Down: two short vectors are fed and their product is read. The device has little to do. */
async function timeCopies(
  { sizes, rounds }: PartOptions<'ceiling'>,
  session: SessionOptions,
  say: Parameters<Part<'ceiling'>>[1],
): Promise<void> {
  const count = sizes.copyBytes / Float32Array.BYTES_PER_ELEMENT;
  const gbPerSecond = (ms: number): number => rounded(sizes.copyBytes / ms / 1e6);
  const fed = g.add(input('x', 'float32', ['n']), scalar(1));
  const up = await openSession(toOnnx({ one: g.slice(fed, { axis: 0, start: 0, end: 1 }) }), session);
  const x = { type: 'float32', shape: [count], data: new Float32Array(count) } as const;
  const upMs = await steady(rounds, () => up.run({ x }, ['one']));
  await up.release();
  say({ copies: { upGBPerSecond: gbPerSecond(upMs) } });
  const product = g.matmul(input('column', 'float32', ['n', 1]), input('row', 'float32', [1, 'm']));
  const down = await openSession(toOnnx({ product }), session);
  const rows = 2 ** Math.floor(Math.log2(count) / 2);
  const ones = (length: number) => new Float32Array(length).fill(1);
  const column = { type: 'float32', shape: [rows, 1], data: ones(rows) } as const;
  const row = { type: 'float32', shape: [1, count / rows], data: ones(count / rows) } as const;
  const downMs = await steady(rounds, () => down.run({ column, row }, ['product']));
  await down.release();
  say({ copies: { downGBPerSecond: gbPerSecond(downMs) } });
}
