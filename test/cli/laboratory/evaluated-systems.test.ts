import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReranker } from '../../../engine/index.ts';
import { knownSystem, openSystems } from '../../../plugin/cli/laboratory/evaluated-systems.ts';
import type { FormSettings } from '../../../plugin/compose/index.ts';
import { fakeReranker } from '../../../plugin/testing/index.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { addTinyDepth, tinyModel } from '../../support/tiny/tiny-model.ts';

let model: string;
beforeAll(async () => {
  model = await tinyModel({
    depths: { 1: { weights: 'one.safetensors', dropping: { firstStageWeight: 0 } } },
  });
  await addTinyDepth(model, [0], 'one.safetensors');
});
afterAll(() => rm(model, { recursive: true }));

describe('a name of --rerankers', () => {
  it.each<[name: string, form: FormSettings]>([
    ['depth-6', { depth: 6 }],
    ['drop-25', { dropping: { keep: 0.25 } }],
    ['drop-5-by-4', { dropping: { keep: 0.05, depth: 4 } }],
    ['depth-6-drop-50', { depth: 6, dropping: { keep: 0.5 } }],
    ['stop-30', { stopping: { risk: 0.3 } }],
  ])('%s opens the model in that form', async (name, form) => {
    const asked: FormSettings[] = [];
    const { systems, close } = await openSystems([knownSystem(name)], async (one) => {
      asked.push(one);
      return fakeReranker();
    });
    await close();
    expect(Object.keys(systems)).toEqual([name]);
    expect(asked).toEqual([form]);
  });

  it.each([
    'drop-0',
    'drop-100',
    'drop-',
    '-drop-25',
    'depth-6drop-25',
    'depth-0',
    '',
    'drop-25-by-0',
    'best',
  ])('%s is none', (name) => {
    expect(() => knownSystem(name)).toThrow(RangeError);
  });

  it('orders every candidate of a list of which documents are dropped', async () => {
    const open = (form: FormSettings) => openReranker({ model, workers: 1, warmUp: false, ...form });
    const { systems, close } = await openSystems([knownSystem('drop-25')], open);
    const texts = Array.from({ length: 16 }, (_, i) => `stars ${'and beans '.repeat(i)}`);
    const order = await systems['drop-25']!(shortlistOf('who studies the stars', ...texts));
    await close();
    expect([...order].sort((a, b) => a - b)).toEqual([...texts.keys()]);
  });
});
