import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { partNames } from '../../bench/gpu/steps.ts';
import { cardMemoryTables } from '../../scripts/card-memory.ts';
import { root } from '../support/programs/deploy-tools.ts';

const text = readFileSync(join(root, 'docs/gpu.md'), 'utf8');

describe('docs/gpu.md', () => {
  it("says of a card's memory what the engine estimates", () => {
    expect(text).toContain(`\n\n${cardMemoryTables()}\n\n`);
  });

  it('names every part of the bench', () => {
    for (const name of partNames) expect(text).toMatch(new RegExp(`--part .*\\b${name}\\b`));
  });

  it('installs the CUDA libraries that the image has', () => {
    const file = readFileSync(join(root, 'deploy/container/Dockerfile.cuda'), 'utf8');
    const packages = [...file.matchAll(/"(nvidia-[\w-]+==[^"]+)"/g)].map(([, name]) => name!);
    expect(packages).toHaveLength(7);
    for (const name of packages) expect(text).toContain(`'${name}'`);
  });
});
