import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { quantiseWeights } from '../../../engine/model/quantise-folder.ts';
import { weightsFor } from '../../../engine/weights/precision-weights.ts';
import {
  readTensorBytes,
  readTensorTable,
  toFloat32,
  toSafetensors,
} from '../../../engine/weights/safetensors.ts';

/** A matrix whose right half is a hundred times smaller: one scale a row rounds that half away. */
const [rows, columns] = [4, 8];
const matrix = Float32Array.from(
  { length: rows * columns },
  (_, i) => Math.sin(i + 1) * (i % columns < 4 ? 1 : 0.01),
);

async function through(groupColumns?: number): Promise<{ scaleShape: readonly number[]; worst: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'blockrank-quantise-'));
  const source = join(folder, 'source.safetensors');
  const tensor = {
    name: 'm',
    type: 'F32',
    shape: [rows, columns],
    bytes: new Uint8Array(matrix.buffer),
  } as const;
  writeFileSync(source, toSafetensors([tensor], {}));
  await quantiseWeights(source, join(folder, 'small.safetensors'), groupColumns ? { groupColumns } : {});
  const { shape: scaleShape } = (await readTensorTable(join(folder, 'small.safetensors'))).get('m_scale')!;
  const whole = await weightsFor('fp32', { folder, file: 'small.safetensors', digest: 'd' }, folder);
  const entry = whole.table.get('m')!;
  const back = toFloat32(await readTensorBytes(join(whole.folder, whole.file), entry), entry.type);
  const worst = back.reduce(
    (most, value, i) => (i % columns < 4 ? most : Math.max(most, Math.abs(value - matrix[i]!))),
    0,
  );
  return { scaleShape, worst };
}

describe('quantiseWeights', () => {
  it('keeps one scale a row, and reads back within half a step of the row', async () => {
    const { scaleShape, worst } = await through();
    expect(scaleShape).toEqual([rows]);
    expect(worst).toBeLessThanOrEqual(0.5 / 127 + 1e-7);
  });

  it('keeps small columns that have scales of their own', async () => {
    const { scaleShape, worst } = await through(4);
    expect(scaleShape).toEqual([rows, 2]);
    expect(worst).toBeLessThanOrEqual(0.005 / 127 + 1e-8);
  });

  it('keeps one scale a row where the groups do not divide it', async () => {
    expect((await through(3)).scaleShape).toEqual([rows]);
  });

  it('refuses groups of no columns', async () => {
    await expect(through(1.5)).rejects.toThrow(RangeError);
  });
});
