import { describe, expect, it } from 'vitest';
import { readOpenSearchState } from '../../../adapters/opensearch/index.ts';
import { openStack, type Stack } from '../../support/doubles/opensearch-stack.ts';

const wanted = { defaultPipelineIndex: 'docs' };
const forced = { isForced: true };

/** An index whose searches go through a pipeline of somebody else. */
async function withTheirDefault(): Promise<Stack> {
  const stack = await openStack();
  stack.double.pipelines.set('theirs', { response_processors: [{ truncate_hits: {} }] });
  stack.double.defaults.set('docs', 'theirs');
  return stack;
}

describe('a default pipeline of somebody else', () => {
  it('is not replaced unless forced', async () => {
    const { plan } = await withTheirDefault();
    const [blocker, ...others] = (await plan(wanted)).blockers;
    expect(others).toEqual([]);
    expect(blocker).toEqual({
      path: 'docs',
      message: expect.stringMatching(/has "theirs" as its default pipeline.*give --force to replace it/),
    });
    expect((await plan(wanted, forced)).blockers).toEqual([]);
  });

  it('is given back by uninstall', async () => {
    const { double, plan, run, uninstall } = await withTheirDefault();
    await run(await plan(wanted, forced));
    expect(double.defaults.get('docs')).toBe('blockrank');
    const removal = await uninstall(forced);
    expect(removal.warnings.join()).not.toContain('without a default pipeline');
    expect(removal.parts[0]).toMatchObject({
      part: 'default pipeline',
      differences: ['docs: "blockrank" -> "theirs"'],
    });
    await run(removal);
    expect(double.defaults.get('docs')).toBe('theirs');
    expect([...double.pipelines.keys()]).toEqual(['theirs']);
  });

  it('is remembered over later runs, with and without the option', async () => {
    const { double, plan, run, uninstall } = await withTheirDefault();
    await run(await plan(wanted, forced));
    expect((await plan(wanted)).steps).toEqual([]);
    expect((await plan()).steps).toEqual([]);
    await run(await plan({ fields: ['body'], version: '1.2.4' }));
    await run(await uninstall(forced));
    expect(double.defaults.get('docs')).toBe('theirs');
  });

  it('is remembered before it is replaced: a run that ends between the two loses nothing', async () => {
    const { calls, double, plan, run } = await withTheirDefault();
    const next = await plan(wanted, forced);
    expect(next.steps.at(-1)!.request.path).toBe('/docs/_settings');
    await run({ ...next, steps: next.steps.slice(0, -1) });
    const { pipelines } = await readOpenSearchState(calls, 'blockrank');
    expect(pipelines['blockrank']!['description']).toContain('before: docs=theirs');
    expect(double.defaults.get('docs')).toBe('theirs');
  });

  it('is not given back when it is there no more, and uninstall says that nothing is', async () => {
    const { double, plan, run, uninstall } = await withTheirDefault();
    await run(await plan(wanted, forced));
    double.pipelines.delete('theirs');
    const removal = await uninstall(forced);
    expect(removal.warnings).toContain(
      'Index "docs" is left without a default pipeline: "theirs", which it had before, is gone.',
    );
    await run(removal);
    expect(double.defaults.get('docs')).toBeUndefined();
  });

  it('that is not known leaves none, and uninstall says so', async () => {
    const { double, plan, run, uninstall } = await openStack();
    await run(await plan());
    // Somebody made ours the default by hand: no run saw what was there before.
    double.defaults.set('docs', 'blockrank');
    const removal = await uninstall(forced);
    expect(removal.warnings).toContain(
      'Index "docs" is left without a default pipeline: what it had before is not known.',
    );
    await run(removal);
    expect(double.defaults.get('docs')).toBeUndefined();
  });

  it.each([undefined, '_none'])('is none where the setting says %s', async (value) => {
    const { double, plan, run, uninstall } = await openStack();
    double.defaults.set('docs', value);
    const next = await plan(wanted);
    expect(next.blockers).toEqual([]);
    await run(next);
    const removal = await uninstall(forced);
    // Nothing is missing where nothing was.
    expect(removal.warnings.join()).not.toContain('without a default pipeline');
    await run(removal);
    expect(double.defaults.get('docs')).toBeUndefined();
  });
});
