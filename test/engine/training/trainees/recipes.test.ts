import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { recipeSchema } from '../../../../engine/laboratory.ts';

const folder = new URL('../../../../recipes/', import.meta.url);

describe('recipes/', () => {
  it.each(readdirSync(folder).filter((name) => name.endsWith('.yaml')))(
    'has %s, which can be trained by',
    (name) => {
      const checked = recipeSchema.safeParse(parse(readFileSync(new URL(name, folder), 'utf8')));
      expect(checked.error?.issues ?? []).toEqual([]);
    },
  );
});
