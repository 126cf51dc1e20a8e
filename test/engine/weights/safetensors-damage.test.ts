import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ModelFormatError } from '../../../engine/errors.ts';
import { readTensorTable, toSafetensors } from '../../../engine/weights/safetensors.ts';

const path = join(mkdtempSync(join(tmpdir(), 'blockrank-damage-')), 'damaged.safetensors');

/** A file with any JSON as its header and sixteen bytes of tensors. */
function withHeader(header: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(header).padEnd(8));
  const lead = Buffer.alloc(8);
  lead.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([lead, text, Buffer.alloc(16)]);
}

describe('readTensorTable', () => {
  it.each([
    ['null', null],
    ['a list', [1]],
    ['a tensor that is null', { a: null }],
    ['a type that every object has', { a: { dtype: 'constructor', shape: [4], data_offsets: [0, 16] } }],
    ['a shape that is no list', { a: { dtype: 'F32', shape: 4, data_offsets: [0, 16] } }],
    ['negative axes whose product fits', { a: { dtype: 'F32', shape: [-2, -2], data_offsets: [0, 16] } }],
    ['an axis that is a fraction', { a: { dtype: 'F32', shape: [2.5, 1.6], data_offsets: [0, 16] } }],
    ['three offsets', { a: { dtype: 'F32', shape: [4], data_offsets: [0, 16, 16] } }],
    ['offsets before the tensors', { a: { dtype: 'F32', shape: [4], data_offsets: [-16, 0] } }],
  ])('refuses a header with %s', async (_what, header) => {
    writeFileSync(path, withHeader(header));
    await expect(readTensorTable(path)).rejects.toThrow(ModelFormatError);
  });

  it('reads or refuses a file with any bytes changed or cut, and never fails otherwise', async () => {
    const whole = toSafetensors([{ name: 'a', type: 'F32', shape: [2, 2], bytes: new Uint8Array(16) }], {});
    const damage = fc.record({
      at: fc.nat(whole.length - 1),
      byte: fc.nat(255),
      length: fc.nat(whole.length),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ at, byte, length }) => {
        const bytes = Uint8Array.from(whole.subarray(0, length));
        if (at < length) bytes[at] = byte;
        writeFileSync(path, bytes);
        const outcome = await readTensorTable(path).catch((error: unknown) => error);
        expect(outcome instanceof Map || outcome instanceof ModelFormatError).toBe(true);
      }),
    );
  });
});
