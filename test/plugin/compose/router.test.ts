import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigurationError, type Routed } from '../../../engine/index.ts';
import { openConfigured } from '../../../plugin/compose/open-configured.ts';
import { parseChoice } from '../../../plugin/compose/router/choice-name.ts';
import { openChoices } from '../../../plugin/compose/router/open-choices.ts';
import { readRouter, writeBoarded, writeRouter } from '../../../plugin/compose/router/router-folder.ts';
import { composeStage } from '../../../plugin/compose/stage.ts';
import { parseConfig } from '../../../plugin/config/index.ts';
import type { StageEvents } from '../../../plugin/stage/index.ts';
import { memoryAdapter } from '../../support/doubles/memory-adapter.ts';
import { shortlistOf } from '../../support/tiny/shortlist.ts';
import { tinyModel } from '../../support/tiny/tiny-model.ts';

let model: string;
let folder: string;
const names = ['first-stage', 'default', 'cascade:first-stage:anchor:2'];

/** One cluster; the first stage is cheap and bad, the model good, the cascade in between. */
beforeAll(async () => {
  model = await tinyModel();
  folder = await mkdtemp(join(tmpdir(), 'blockrank-router-'));
  const queries = [{ queryId: 'q', text: 'bread', cluster: 0 }];
  const validation = {
    data: '/none',
    candidates: 'bm25',
    rankWindowSize: 10,
    measure: 'nDCG@10',
    costs: 'cold',
    queries,
  } as const;
  await writeRouter(folder, { clusters: { kind: 'k-means', rows: [Array(48).fill(0.1)] }, validation });
  const { rerankers, close } = await openChoices(names, { settings: { model }, remotes: {}, path: 'test' });
  for (const [i, [name, { info }]] of [...rerankers].entries()) {
    const { encodingDigest, readoutDigest } = info;
    const losses = { q: [0.9, 0.1, 0.3][i]! };
    await writeBoarded(folder, { name, encodingDigest, readoutDigest, costMs: [0, 20, 5][i]!, losses });
  }
  await close();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(model, { recursive: true });
});

const routedTo = async (budgetMs?: number): Promise<Routed> => {
  const reranker = await openConfigured({ model, router: { folder, budgetMs }, workers: 1 });
  try {
    const { routed, candidates } = await reranker.rerank(
      shortlistOf('bread', 'stars', 'bread dough', 'salt'),
    );
    expect(candidates).toHaveLength(3);
    return routed!;
  } finally {
    await reranker.close();
  }
};
/** The router with one of its files changed. */
const changed = async (name: string, change: (text: string) => string): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), 'blockrank-router-'));
  await cp(folder, copy, { recursive: true });
  await writeFile(join(copy, name), change(await readFile(join(copy, name), 'utf8')));
  return copy;
};

describe('openConfigured with a router', () => {
  it('takes the least loss without a budget, and what the budget allows with one', async () => {
    expect(await routedTo()).toMatchObject({ to: 'default', reason: 'least-loss', costMs: 20 });
    expect(await routedTo(6)).toMatchObject({ to: names[2], reason: 'cost' });
    expect(await routedTo(0)).toMatchObject({ to: 'first-stage', reason: 'cost' });
  });

  it('says in the response who ranked and why, also where the list is remembered', async () => {
    const hits = ['stars', 'bread dough', 'salt'].map((text, i) => ({ id: `d${i}`, text, score: 3 - i }));
    const told: (Routed | undefined)[] = [];
    const listener: StageEvents = { reranked: ({ routed }) => void told.push(routed) };
    // A configuration names no listeners; a program's settings may.
    const settings = { onFailure: 'throw' as const, events: [listener] };
    const { stage, close } = await composeStage({
      adapter: memoryAdapter(hits),
      reranker: { model, router: folder, workers: 1 },
      stage: settings,
    });
    for (let time = 0; time < 2; time += 1) {
      const response = await stage.search({ query: 'bread' });
      expect(response.blockrank).toMatchObject({ reranked: true, routed: { to: 'default' } });
    }
    expect(told.map((routed) => routed?.to)).toEqual(['default', 'default']);
    await close();
  });

  it('refuses a second fusion', async () => {
    const composed = composeStage({
      adapter: memoryAdapter([]),
      reranker: { model, router: folder },
      stage: { fusion: 0.3 },
    });
    await expect(composed).rejects.toThrow('stage.fusion: expected none beside reranker.router');
  });

  it('refuses a model that was not measured, and says which of its rerankers differ', async () => {
    const other = await tinyModel({ instruction: 'seek: ' });
    const opened = openConfigured({ model: other, router: folder });
    await expect(opened).rejects.toThrow(ConfigurationError);
    await expect(opened).rejects.toThrow(
      /"cascade:first-stage:anchor:2" is not .*"default" is not the reranker that was measured/,
    );
    await expect(opened).rejects.not.toThrow(/"first-stage" is not/);
    await rm(other, { recursive: true });
  });

  it('refuses a budget that even the cheapest does not keep', async () => {
    const dear = await changed('rerankers/first-stage.json', (text) =>
      text.replace('"costMs":0', '"costMs":7'),
    );
    const opened = openConfigured({ model, router: { folder: dear, budgetMs: 3 } });
    await expect(opened).rejects.toThrow('reranker.router.budgetMs: expected at least 5.000');
  });

  it('refuses a reranker on board that is gone', async () => {
    const gone = await changed('rerankers/first-stage.json', (text) =>
      text.replace('first-stage', 'remote:far'),
    );
    await expect(openConfigured({ model, router: gone })).rejects.toThrow(
      '"remote:far" is on board, and no service "far"',
    );
    const deep = await changed('rerankers/default.json', (text) => text.replace('default', 'depth-99'));
    await expect(openConfigured({ model, router: deep })).rejects.toThrow('"depth-99" cannot be opened');
  });
});

describe('readRouter', () => {
  it.each([
    [
      'a loss that is no number',
      'rerankers/default.json',
      (text: string) => text.replace('0.1}', 'null}'),
      'losses.q',
    ],
    [
      'a cost that is no number',
      'rerankers/default.json',
      (text: string) => text.replace('"costMs":20', '"costMs":null'),
      'costMs',
    ],
    [
      'losses of other queries',
      'rerankers/default.json',
      (text: string) => text.replace('"q"', '"p"'),
      'no loss for the validation query "q"',
    ],
    ['a file cut off', 'clusters.json', (text: string) => text.slice(0, 40), 'expected JSON'],
    [
      'clusters of another router',
      'validation.json',
      (text: string) => text.replace('"cluster":0', '"cluster":3'),
      'of two routers',
    ],
    ['no clusters', 'clusters.json', (text: string) => text.replace(/"rows":.*$/s, '"rows":[]}'), 'rows'],
  ])('refuses %s', async (_what, name, change, told) => {
    const bad = await changed(name, change);
    await expect(readRouter(bad)).rejects.toThrow(ConfigurationError);
    await expect(readRouter(bad)).rejects.toThrow(told);
  });

  it('refuses a folder that is none', async () => {
    await expect(readRouter(join(folder, 'nowhere'))).rejects.toThrow(
      'clusters.json: cannot be read (ENOENT)',
    );
  });
});

describe('parseChoice', () => {
  it('reads every form', () => {
    expect(parseChoice('depth-6-anchor')).toEqual({
      kind: 'local',
      settings: { depth: 6, tier: 'anchor' },
      isFused: true,
    });
    expect(parseChoice('model')).toEqual({ kind: 'local', settings: {}, isFused: false });
    expect(parseChoice('cascade:anchor:remote:far:5')).toEqual({
      kind: 'cascade',
      cheap: 'anchor',
      dear: 'remote:far',
      first: 5,
    });
    expect(parseChoice('cascade:first-stage:default')).toEqual({
      kind: 'cascade',
      cheap: 'first-stage',
      dear: 'default',
    });
  });

  it('refuses every other name', () => {
    for (const name of [
      '',
      'depth-0',
      'depth-6-tokens',
      'cascade:default',
      'cascade:fast:default',
      'remote:',
    ])
      expect(() => parseChoice(name)).toThrow(RangeError);
  });
});

describe('parseConfig', () => {
  const parse = (router: string) =>
    parseConfig(
      `elasticsearch: { node: 'http://127.0.0.1:9' }\nindex: { name: a, textFields: [t] }\nreranker: { router: ${router} }\n`,
      { KEY: 'secret' },
    ).reranker.router;

  it('takes a folder alone, or a section with budget and services', () => {
    expect(parse('my-router')).toBe('my-router');
    const section =
      "{ folder: r, budgetMs: 40, remotes: { far: { api: tei, url: 'http://a/b', apiKey: '${KEY}' } } }";
    expect(parse(section)).toMatchObject({
      folder: 'r',
      budgetMs: 40,
      remotes: { far: { apiKey: 'secret' } },
    });
  });

  it('names what is wrong in the section', () => {
    expect(() => parse('{ folder: r, budgetMs: -1 }')).toThrow('reranker.router.budgetMs');
  });
});
