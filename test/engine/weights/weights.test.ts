import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelFormatError } from '../../../engine/index.ts';
import { floatToHalf, halfToFloat, narrowFloats, widenHalves } from '../../../engine/weights/half.ts';
import { weightsFor } from '../../../engine/weights/precision-weights.ts';
import { dequantiseRows, quantiseRows } from '../../../engine/weights/quantise.ts';
import {
  readTensorBytes,
  readTensorTable,
  toFloat32,
  toSafetensors,
} from '../../../engine/weights/safetensors.ts';
import { randomNumbers } from '../../support/tiny/tiny-states.ts';

const folder = mkdtempSync(join(tmpdir(), 'blockrank-weights-'));
const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);
let files = 0;
function write(bytes: Uint8Array): string {
  const path = join(folder, `${files++}.safetensors`);
  writeFileSync(path, bytes);
  return path;
}

describe('readTensorTable', () => {
  it('finds what was written', async () => {
    const values = Float32Array.of(1, -2, 3.5, 4);
    const path = write(
      toSafetensors([{ name: 'a', type: 'F32', shape: [2, 2], bytes: bytesOf(values) }], {}),
    );
    const table = await readTensorTable(path);
    expect([...toFloat32(await readTensorBytes(path, table.get('a')!), 'float32')]).toEqual([...values]);
  });

  it.each([
    ['an empty file', new Uint8Array(0)],
    ['a file that is no safetensors', Buffer.from('PK\u0003\u0004 something else entirely, long enough')],
    [
      'a header beyond the end',
      Buffer.concat([Buffer.from([255, 255, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
    ],
    ['a header that is no JSON', Buffer.concat([Buffer.from([4, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{{{{')])],
  ])('refuses %s', async (_what, bytes) => {
    await expect(readTensorTable(write(bytes))).rejects.toThrow(ModelFormatError);
  });

  it('refuses a tensor that reaches beyond the file, and a type it cannot read', async () => {
    const whole = toSafetensors([{ name: 'a', type: 'F32', shape: [4], bytes: new Uint8Array(16) }], {});
    await expect(readTensorTable(write(whole.subarray(0, whole.length - 4)))).rejects.toThrow(
      /16 bytes for tensor "a"/,
    );
    const foreign = Buffer.from(Buffer.from(whole).toString('latin1').replace('"F32"', '"F64"'), 'latin1');
    await expect(readTensorTable(write(foreign))).rejects.toThrow(/"a".*F64/s);
  });
});

describe('half precision', () => {
  it('reads back every half that is a number', () => {
    for (let bits = 0; bits < 65_536; bits += 1) {
      const value = halfToFloat(bits);
      if (!Number.isNaN(value)) expect(Object.is(halfToFloat(floatToHalf(value)), value)).toBe(true);
    }
  });

  it('writes and reads many as it does one, wherever they lie', () => {
    const anyBits = fc.array(fc.integer({ min: 0, max: 0xffffffff }));
    const edges = [
      0x387fffff, 0x38800000, 0x33000000, 0x33000001, 0x477fefff, 0x477ff000, 0x47800000, 0x80000000,
    ];
    fc.assert(
      fc.property(anyBits, (bits) => {
        // One number stands before them, so that their memory does not start where they do.
        const values = new Float32Array(Uint32Array.from([0, ...edges, ...bits]).buffer).subarray(1);
        const halves = new Uint16Array(values.length + 1);
        narrowFloats(values, halves, 1);
        expect([...halves.subarray(1)]).toEqual([...values].map(floatToHalf));
        const back = new Float32Array(halves.length);
        widenHalves(halves, back);
        expect([...back]).toEqual([...halves].map(halfToFloat));
      }),
    );
  });

  it('rounds to the nearest half: no other is nearer', () => {
    fc.assert(
      fc.property(fc.float({ min: -65_504, max: 65_504, noNaN: true }), (value) => {
        const bits = floatToHalf(value);
        const error = Math.abs(halfToFloat(bits) - value);
        for (const other of [bits - 1, bits + 1]) {
          const neighbour = halfToFloat(other & 0xffff);
          if (Number.isFinite(neighbour)) expect(Math.abs(neighbour - value)).toBeGreaterThanOrEqual(error);
        }
      }),
    );
  });
});

describe('quantiseRows', () => {
  it('keeps every value within half a step of its row', () => {
    const next = randomNumbers(5);
    const matrix = Float32Array.from({ length: 60 }, (_, i) => next() * (i < 20 ? 100 : 1));
    const { values, scales } = quantiseRows(matrix, 3);
    const back = dequantiseRows(Float32Array.from(values), scales);
    back.forEach((value, i) => {
      expect(Math.abs(value - matrix[i]!)).toBeLessThanOrEqual(scales[Math.floor(i / 20)]! * 0.5001);
    });
  });

  it('keeps a row of zeros', () => {
    expect([...quantiseRows(new Float32Array(4), 2).values]).toEqual([0, 0, 0, 0]);
  });
});

describe('weightsFor', () => {
  it('maps float32 weights where they lie and copies others once', async () => {
    const cache = mkdtempSync(join(tmpdir(), 'blockrank-cache-'));
    const float = write(
      toSafetensors([{ name: 'a', type: 'F32', shape: [1], bytes: new Uint8Array(4) }], {}),
    );
    const half = write(
      toSafetensors([{ name: 'a', type: 'F16', shape: [1], bytes: Uint8Array.of(0, 0x3c) }], {}),
    );
    const of = (path: string) => ({ folder, file: path.slice(folder.length + 1), digest: path });
    expect((await weightsFor('fp32', of(float), cache)).folder).toBe(folder);
    const [first, second] = await Promise.all([
      weightsFor('fp32', of(half), cache),
      weightsFor('fp32', of(half), cache),
    ]);
    expect(first.file).toBe(second.file);
    expect(readdirSync(cache).sort()).toEqual([first.file, `${first.file}.seal`]);
    const entry = first.table.get('a')!;
    expect([...toFloat32(await readTensorBytes(join(cache, first.file), entry), entry.type)]).toEqual([1]);
    writeFileSync(join(cache, first.file), 'damaged');
    expect((await weightsFor('fp32', of(half), cache)).table.get('a')).toEqual(entry);
  });
});
