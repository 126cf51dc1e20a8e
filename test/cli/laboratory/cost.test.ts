import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { chosenConfiguration } from '../../../plugin/cli/laboratory/cost-configuration.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';
import { addTinyDepth, tinyModel } from '../../support/tiny/tiny-model.ts';
import { writeCollection } from '../../support/tiny/write-collection.ts';

const topics = ['bread', 'tides', 'brakes', 'taxes'];
let folder: string;
let model: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-cost-'));
  await writeCollection(folder, {
    documents: topics.flatMap((topic, i) => [
      { _id: `r${i}`, title: topic, text: `What everybody should know about ${topic}.` },
      { _id: `n${i}`, title: '', text: `A shop that once sold a book on ${topic}, and furniture.` },
    ]),
    queries: topics.map((topic, i) => ({ _id: `q${i}`, text: `know ${topic}` })),
    judgements: topics.map((_, i) => [`q${i}`, `r${i}`, 1]),
  });
  model = await tinyModel({
    depths: {
      1: { weights: 'one.safetensors', dropping: { firstStageWeight: 0 } },
      2: { weights: 'two.safetensors' },
    },
  });
  await addTinyDepth(model, [0], 'one.safetensors');
  await addTinyDepth(model);
});
afterAll(() => Promise.all([folder, model].map((each) => rm(each, { recursive: true }))));

const cost = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['cost', '--data', folder, '--model', model, ...args]);
const names = 'first-stage,depth-2-anchor,cascade:first-stage:default:2,cascade:depth-2:default,default';

interface Report {
  readonly queries: number;
  readonly points: readonly {
    readonly name: string;
    readonly quality: number;
    readonly multiplyAdds: number;
    readonly isOnFront: boolean;
  }[];
  readonly chosen: string;
}

describe('blockrank cost', () => {
  it('measures every way on the same queries, counts products, and chooses', async () => {
    const { code, stdout } = await cost('--rerankers', names, '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as Report;
    expect(report.queries).toBe(4);
    expect(new Set(report.points.map(({ name }) => name))).toEqual(new Set(names.split(',')));
    const products = (name: string): number => report.points.find((each) => each.name === name)!.multiplyAdds;
    expect(products('first-stage')).toBe(0);
    expect(products('default')).toBeGreaterThan(products('cascade:first-stage:default:2'));
    expect(products('cascade:depth-2:default')).toBeGreaterThanOrEqual(products('depth-2-anchor'));
    expect(products('cascade:first-stage:default:2')).toBeGreaterThan(0);
    expect(report.points.some(({ name }) => name === report.chosen)).toBe(true);
  });

  it('prints a table, the configuration of the chosen one, and a chart', async () => {
    const chart = join(folder, 'cost.svg');
    const args = ['--rerankers', 'first-stage,default', '--costs', 'warm', '--limit', '2'];
    const { code, stdout } = await cost(...args, '--chart', chart, '--budget', '100000');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^2 queries, lists of 100, warm states\n/);
    expect(stdout).toMatch(/\n\* +first-stage/);
    expect(stdout).toMatch(/Chosen: (first-stage|default), the best within 100000 ms\./);
    expect(existsSync(chart)).toBe(true);
  });

  it('measures dropping and routers beside the others', async () => {
    const router = join(folder, 'router');
    const fit = ['router', 'fit', '--data', folder, '--model', model, '--output', router, '--clusters', '1'];
    const fitted = await runCli([...fit, '--candidates', 'embedded', '--rerankers', 'first-stage,default']);
    expect(fitted.stderr).not.toContain('Cannot');
    const routers = [`router:${router}`, `router:${router}@100000`];
    const asked = ['drop-50', 'stop-20', ...routers];
    const { code, stdout, stderr } = await cost('--rerankers', asked.join(','), '--json');
    expect([code, stderr]).toEqual([0, '']);
    const { points } = JSON.parse(stdout) as Report;
    expect(points.map(({ name }) => name).sort()).toEqual(asked.sort());
    const products = (name: string): number => points.find((each) => each.name === name)!.multiplyAdds;
    // Lists of two are read whole, and a router reads them, or leaves them as they are.
    expect(products('drop-50')).toBe(products('stop-20'));
    for (const name of routers) expect(products(name)).toBeLessThanOrEqual(products('drop-50'));
  });

  it('names what cannot be measured', async () => {
    const { code, stderr } = await cost('--rerankers', 'default,other,depth-7');
    expect(code).toBe(2);
    expect(stderr).toContain('other');
  });
});

describe('the configuration of a way to rank', () => {
  it.each([
    ['default', { reranker: {} }],
    ['model', { reranker: {}, stage: { fusion: false } }],
    ['depth-6-anchor', { reranker: { depth: 6, tier: 'anchor' } }],
    ['drop-25', { reranker: { dropping: { keep: 0.25 } } }],
    ['depth-6-drop-20-by-4', { reranker: { depth: 6, dropping: { keep: 0.2, depth: 4 } } }],
    ['stop-20', { reranker: { stopping: { risk: 0.2 } } }],
    ['router:my/router', { reranker: { router: { folder: 'my/router' } } }],
    ['router:my/router@12.5', { reranker: { router: { folder: 'my/router', budgetMs: 12.5 } } }],
    [
      'cascade:first-stage:drop-25:20',
      { reranker: { dropping: { keep: 0.25 } }, stage: { rankWindowSize: 20 } },
    ],
    ['cascade:first-stage:depth-6:20', { reranker: { depth: 6 }, stage: { rankWindowSize: 20 } }],
    ['cascade:first-stage:model:5', { reranker: {}, stage: { rankWindowSize: 5, fusion: false } }],
  ])('of %s is a part of the file', (name, expected) => {
    expect(parse(chosenConfiguration(name).join('\n'))).toEqual(expected);
  });

  it('is a hint where no file can say it', () => {
    for (const name of ['first-stage', 'remote:cohere', 'cascade:anchor:default', 'cascade:anchor:default:9'])
      expect(parse(chosenConfiguration(name).join('\n'))).toBeNull();
  });
});
