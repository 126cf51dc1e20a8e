import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BuildOptions, buildStates } from '../../../../adapters/server.ts';
import { ConfigurationError } from '../../../../engine/index.ts';
import { type StatesDouble, startStatesDouble } from '../../../support/doubles/states-double.ts';
import { buildOver, fill, quickMaker, sidecar } from '../../../support/doubles/states-fixture.ts';

let double: StatesDouble;
beforeEach(async () => {
  double = await startStatesDouble();
});
afterEach(() => double.close());

async function refusalOf(more: Partial<BuildOptions>): Promise<ConfigurationError> {
  const error = await buildStates(buildOver(double, more)).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigurationError);
  return error as ConfigurationError;
}

/** What would change the server. */
const writes = (): readonly string[] =>
  double.calls
    .filter(({ method, path }) => method === 'PUT' || /_(bulk|doc)/.test(path))
    .map(({ path }) => path);

describe('buildStates without anything to store', () => {
  it.each([
    ['fields', { fields: ['titel', 'title^3'] }, '"titel", "title^3"'],
    ['a template', { fields: undefined, template: 'Name: {titel}' }, '"titel"'],
  ])(
    'refuses %s that no document has text in, names them, and writes nothing',
    async (_what, options, names) => {
      fill(double, 25);
      const maker = quickMaker();
      const { issues } = await refusalOf({ ...options, maker });
      expect(issues).toEqual([{ path: 'fields', message: expect.stringContaining(names) }]);
      expect(writes()).toEqual([]);
      expect(maker.encoded).toEqual([]);
    },
  );

  it('goes on where one document has text, and where there are no documents yet', async () => {
    // More than are looked at before the server is asked for those that have the fields.
    for (let i = 0; i < 60; i += 1) double.write('docs', `d${i}`, { other: 'x' });
    double.write('docs', 'last', { title: 'stars' });
    expect((await buildStates(buildOver(double))).counts).toMatchObject({ seen: 61, written: 61 });
    double.write('empty', 'e', { title: 'x' });
    double.remove('empty', 'e');
    expect((await buildStates(buildOver(double, { index: 'empty' }))).counts).toMatchObject({ seen: 0 });
  });

  it('goes on where a server does not answer the search for texts', async () => {
    fill(double, 5);
    double.fault = ({ path }) =>
      path === '/docs/_search' ? { status: 403, body: { error: { type: 'x', reason: 'x' } } } : undefined;
    expect((await buildStates(buildOver(double))).counts).toMatchObject({ written: 5 });
  });

  it('refuses an index whose states would have a name that is too long, before it writes', async () => {
    const index = 'i'.repeat(240);
    double.write(index, 'd', { title: 'stars' });
    const { issues } = await refusalOf({ index });
    expect(issues).toMatchObject([{ path: 'place.generation' }]);
    expect(issues[0]!.message).toContain('has 259 bytes, and the server allows 255');
    expect(writes()).toEqual([]);
    const place = { kind: 'field' } as const;
    expect((await buildStates(buildOver(double, { index, place }))).counts).toMatchObject({ written: 1 });
  });

  it('keeps what it made before', async () => {
    fill(double, 5);
    await buildStates(buildOver(double));
    await refusalOf({ fields: ['titel'] });
    expect(double.documents(sidecar).size).toBe(5);
  });
});
