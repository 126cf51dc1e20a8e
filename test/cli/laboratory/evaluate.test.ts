import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open } from 'lmdb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeState, encodeState, type StateKey } from '../../../engine/index.ts';
import {
  evaluateRun,
  type JsonResult,
  type JsonStateForm,
  mean,
  parseMeasure,
  readCollection,
  readRun,
} from '../../../engine/laboratory.ts';
import { assertAllClose } from '../../support/checks/all-close.ts';
import { type CliResult, runCli } from '../../support/programs/run-cli.ts';

const hasModel = existsSync(new URL('../../../models/default/model.safetensors', import.meta.url));
if (!hasModel) console.log('test/cli/evaluate: skipped, models/default is absent.');

/** For each query one document that answers it in other words, and two that repeat its words. */
const topics = [
  {
    query: 'person who studies the stars',
    answer: 'An astronomer observes galaxies, planets and stars.',
    others: [
      'A person who studies films meets the stars of a film.',
      'The person who studies law moved house.',
    ],
  },
  {
    query: 'how plants make food from light',
    answer: 'By photosynthesis, leaves turn the light of the sun into sugar.',
    others: [
      'How restaurants make food look good: light from above.',
      'Two plants make cars and light trucks.',
    ],
  },
  {
    query: 'instrument that measures heat',
    answer: 'A thermometer shows the temperature and so the heat of a body.',
    others: ['The band measures each instrument.', 'Heat damages an instrument made of wood.'],
  },
  {
    query: 'fear of small rooms',
    answer: 'Claustrophobia is the dread of being in narrow rooms.',
    others: ['The hotel has small rooms without fear of noise.', 'Small dogs show fear.'],
  },
];
const queryIds = topics.map((_, i) => `q${i}`);

let folder: string;
let collection: string;
let cache: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'blockrank-evaluate-'));
  cache = join(folder, 'states');
  collection = join(folder, 'tiny');
  const lines = (values: readonly unknown[]): string =>
    values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const corpus = topics.flatMap(({ answer, others }, i) => [
    ...others.map((text, j) => ({ _id: `n${i}${j}`, title: '', text })),
    { _id: `r${i}`, title: '', text: answer },
  ]);
  const judged = topics.flatMap((_, i) => [`q${i}\tn${i}0\t0\n`, `q${i}\tr${i}\t2\n`, `q${i}\tn${i}1\t0\n`]);
  await mkdir(collection);
  await writeFile(join(collection, 'corpus.jsonl'), lines(corpus));
  await writeFile(
    join(collection, 'queries.jsonl'),
    lines(topics.map(({ query }, i) => ({ _id: `q${i}`, text: query }))),
  );
  await writeFile(join(collection, 'qrels.tsv'), `query-id\tcorpus-id\tscore\n${judged.join('')}`);
});

afterAll(() => rm(folder, { recursive: true }));

/** Collection and cache of this test, where a test names none. */
const defaults = (args: readonly string[]): string[] => [
  ...(args.includes('--data') ? [] : ['--data', collection]),
  ...(args.includes('--cache') ? [] : ['--cache', cache]),
];

const evaluate = (...args: readonly string[]): Promise<CliResult> =>
  runCli(['evaluate', ...defaults(args), ...args]);

async function evaluateJson(...args: readonly string[]): Promise<JsonResult> {
  const { code, stdout, stderr } = await evaluate(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as JsonResult;
}

describe.skipIf(!hasModel)('blockrank evaluate', () => {
  it.each(['embedded', 'judged'])(
    'gives %s candidates, every order, its measures and queries as JSON',
    async (name) => {
      const result = await evaluateJson('--candidates', name);
      expect(result).toMatchObject({ dataset: 'tiny', candidates: name, n: queryIds.length });
      expect(Object.keys(result.rerankers)).toEqual(['first-stage', 'cosine', 'default']);
      for (const [reranker, { measures, intervals, pValues, perQuery }] of Object.entries(result.rerankers)) {
        expect(Object.keys(measures), reranker).toEqual(['nDCG@10', 'RR@10']);
        for (const [measure, value] of Object.entries(measures)) {
          expect(Object.keys(perQuery[measure]!)).toEqual(queryIds);
          expect(value).toBeCloseTo(mean(Object.values(perQuery[measure]!)), 12);
          const [low, high] = intervals[measure]!;
          expect(low).toBeLessThanOrEqual(value);
          expect(high).toBeGreaterThanOrEqual(value);
          const compared = reranker === 'first-stage' ? [] : ['tTest', 'randomisation'];
          expect(Object.keys(pValues[measure]!)).toEqual(compared);
        }
      }
    },
  );

  it('finds that the model puts the answers before the documents that repeat the words', async () => {
    const { rerankers } = await evaluateJson('--rerankers', 'first-stage,model');
    expect(rerankers['model']!.measures['RR@10']!).toBeGreaterThan(
      rerankers['first-stage']!.measures['RR@10']!,
    );
  });

  it('prints a table with n, confidence interval and p-values, plain when piped', async () => {
    const { code, stdout, stderr } = await evaluate('--measures', 'nDCG@10');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // What follows the rows is notes.
    const [title, head, ...rows] = stdout.split('\n').slice(0, 5);
    expect(title).toBe('tiny (n = 4)');
    expect(head?.split(/ {2,}/)).toEqual(['reranker', 'nDCG@10', '95 % interval', 'p (t)', 'p (random)']);
    const [baseline, ...compared] = rows.map((row) => row.split(/ {2,}/));
    const value = String.raw`-?\d\.\d{4}`;
    expect(baseline?.join(' ')).toMatch(new RegExp(`^first-stage ${value} ${value}-${value}$`));
    expect(compared.map(([name]) => name)).toEqual(['cosine', 'default']);
    for (const row of compared)
      expect(row.slice(1).join(' ')).toMatch(new RegExp(`^${value} ${value}-${value} ${value} ${value}$`));
    expect(stdout).not.toContain('\u001b');
  });

  it('writes each order as a TREC run that measures the same when read back', async () => {
    const runs = join(folder, 'runs');
    const { rerankers } = await evaluateJson('--run-dir', runs);
    const names = Object.keys(rerankers);
    expect((await readdir(runs)).toSorted()).toEqual(names.map((name) => `tiny.${name}.trec`).toSorted());
    for (const [name, { perQuery }] of Object.entries(rerankers)) {
      const path = join(runs, `tiny.${name}.trec`);
      for (const line of (await readFile(path, 'utf8')).trimEnd().split('\n'))
        expect(line).toMatch(new RegExp(`^q\\d Q0 [rn]\\d+ \\d+ \\d+ ${name}$`));
      for (const [measure, values] of Object.entries(perQuery)) {
        const again = evaluateRun(
          await readRun(path),
          await readCollection(collection),
          parseMeasure(measure),
        );
        assertAllClose([...again.values()], Object.values(values));
      }
    }
  });

  it('draws a bar for every reranker as SVG', async () => {
    const chart = join(folder, 'chart.svg');
    const { code } = await evaluate('--rerankers', 'first-stage,cosine,model,default', '--chart', chart);
    expect(code).toBe(0);
    const svg = await readFile(chart, 'utf8');
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg.trimEnd()).toMatch(/<\/svg>$/);
    const bars = svg.match(/<path [^>]*aria-roledescription="bar"/g) ?? [];
    expect(bars).toHaveLength(4);
  });

  it('writes the JSON to a file beside the printed table', async () => {
    const path = join(folder, 'results.json');
    const { stdout } = await evaluate('--json', path);
    expect(stdout).toMatch(/^tiny \(n = 4\)$/m);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual(await evaluateJson());
  });

  it('averages several collections', async () => {
    const { code, stdout } = await evaluate('--data', collection, collection, '--rerankers', 'first-stage');
    expect(code).toBe(0);
    const [head, row] = stdout.trimEnd().split('\n').slice(-2);
    expect(head).toMatch(/^nDCG@10 +tiny +tiny +average$/);
    const [, one, other, average] = row!.split(/ {2,}/);
    expect([other, average]).toEqual([one, one]);
  });

  it('takes only the first queries with --limit, and the first candidates with --window', async () => {
    const limited = await evaluateJson('--limit', '2', '--window', '1', '--rerankers', 'first-stage,model');
    expect(limited.n).toBe(2);
    const { 'first-stage': firstStage, model } = limited.rerankers;
    // One candidate has only one order.
    expect(model!.perQuery).toEqual(firstStage!.perQuery);
  });

  it('keeps encoded documents in the cache folder unless it is told not to, and measures the same', async () => {
    const results: JsonResult[] = [];
    for (const [args, keeps] of [
      [['--no-cache'], false],
      [[], true],
      [[], true],
    ] as const) {
      const home = join(folder, 'own-cache');
      const command = ['evaluate', '--data', collection, '--rerankers', 'model', '--json', ...args];
      const { code, stdout } = await runCli(command, { variables: { BLOCKRANK_CACHE: home } });
      expect(code).toBe(0);
      expect(existsSync(join(home, 'states', 'data.mdb'))).toBe(keeps);
      results.push(JSON.parse(stdout) as JsonResult);
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  it('measures an order in a given time a list, beside the first stage, which no time at all leaves as it is', async () => {
    const command = ['evaluate', '--data', collection, '--budget', '0,20000', '--json'];
    const { code, stdout } = await runCli(command);
    expect(code).toBe(0);
    const { budgets, ...result } = JSON.parse(stdout) as JsonResult & {
      budgets: Record<string, { budgetMs: number; readShare: number; medianMs: number }>;
    };
    expect(budgets).toMatchObject({
      'within-0': { budgetMs: 0, readShare: 0 },
      'within-20000': { budgetMs: 20_000, readShare: 1 },
    });
    const value = (name: string): number => result.rerankers[name]!.measures['nDCG@10']!;
    expect(value('within-0')).toBe(value('first-stage'));
    expect(value('within-20000')).toBeGreaterThan(value('first-stage'));
  });

  it('keeps encoded documents, and takes them from there the next time', async () => {
    const states = join(folder, 'kept-states');
    const args = ['--rerankers', 'first-stage,model', '--cache', states];
    const first = await evaluateJson(...args);
    expect(first.rerankers['model']).not.toEqual(first.rerankers['first-stage']);
    expect(await evaluateJson(...args)).toEqual(first);
    const database = open<Buffer, string>({ path: states, encoding: 'binary' });
    const keys = [...database.getKeys()];
    expect(keys).toHaveLength(topics.length * 3);
    // With one state for all of them the model sees no difference, and equal scores keep first-stage order.
    const keyOf = (name: string): StateKey => {
      const [encodingDigest = '', textDigest = ''] = name.split('/');
      return { encodingDigest, textDigest };
    };
    const { state } = decodeState(database.getBinary(keys[0]!)!, keyOf(keys[0]!));
    await Promise.all(
      keys.map((name) => database.put(name, Buffer.from(encodeState(keyOf(name), state!).buffer))),
    );
    await database.close();
    const { rerankers } = await evaluateJson(...args);
    expect(rerankers['model']!.perQuery).toEqual(rerankers['first-stage']!.perQuery);
  });

  it('keeps nothing with --no-cache, and finds the same', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const { code, stdout } = await runCli(['evaluate', '--data', collection, '--no-cache', '--json'], {
      variables: { BLOCKRANK_CACHE: elsewhere },
    });
    expect(code).toBe(0);
    expect(existsSync(join(elsewhere, 'states'))).toBe(false);
    const { rerankers } = JSON.parse(stdout) as JsonResult;
    // States are kept in half precision, which may not change an order here.
    expect(rerankers['default']!.measures).toEqual((await evaluateJson()).rerankers['default']!.measures);
  });

  it('compares depths of the model with its full depth, each over states of its own', async () => {
    const states = join(folder, 'states-of-depths');
    const args = ['--rerankers', 'default,depth-6', '--cache', states];
    const both = await evaluateJson(...args);
    expect(Object.keys(both.rerankers)).toEqual(['default', 'depth-6']);
    const database = open({ path: states, readOnly: true });
    const digests = new Set([...database.getKeys()].map((name) => String(name).split('/')[0]));
    await database.close();
    expect(digests.size).toBe(2);
    // States that another depth had left would give the same figures as that depth.
    const { rerankers } = await evaluateJson('--rerankers', 'depth-6', '--cache', states);
    expect(rerankers['depth-6']!.perQuery).toEqual(both.rerankers['depth-6']!.perQuery);
  });

  it('prints what codecs of states cost: bytes, and the default order from what they keep', async () => {
    const names = ['anchor-fp16', 'tokens-fp16', 'tokens-int8:4'];
    const elsewhere = join(folder, 'no-states');
    const args = ['--states', names.join(','), '--cache', elsewhere];
    const { code, stdout } = await evaluate(...args);
    expect(code).toBe(0);
    const lines = stdout.split('\n');
    const at = lines.findIndex((line) => line.startsWith('states '));
    expect(lines[at]?.split(/ {2,}/)).toEqual([
      'states',
      'bytes a document',
      'of float32',
      'nDCG@10 loss',
      'RR@10 loss',
    ]);
    expect(lines.slice(at + 1, at + 4).map((line) => line.split(/ {2,}/)[0])).toEqual(names);
    // What lies on disk was rounded: the order that codecs are compared with must not come from there.
    expect(existsSync(elsewhere)).toBe(false);
  });

  it('gives the cost of codecs as JSON, with the significance of each against unencoded states', async () => {
    const result = (await evaluateJson('--states', 'anchor-int8,tokens-fp16,tokens-int8')) as JsonResult & {
      states: Record<string, JsonStateForm>;
    };
    expect(Object.keys(result.rerankers)).toEqual(['default', 'anchor-int8', 'tokens-fp16', 'tokens-int8']);
    const { 'anchor-int8': anchor, 'tokens-fp16': half, 'tokens-int8': int8 } = result.states;
    expect(anchor).toMatchObject({ documents: 12, bytes: 64 + 388 });
    // Half of float32, and a head.
    expect(half!.share).toBeGreaterThan(0.5);
    expect(half!.share).toBeLessThan(0.51);
    expect(int8!.bytes / half!.bytes).toBeCloseTo(388 / 768, 2);
    for (const name of ['anchor-int8', 'tokens-fp16', 'tokens-int8']) {
      const { measures, pValues } = result.rerankers[name]!;
      expect(Object.keys(pValues['nDCG@10']!)).toEqual(['tTest', 'randomisation']);
      const lost = result.rerankers['default']!.measures['nDCG@10']! - measures['nDCG@10']!;
      expect(result.states[name]!.loss['nDCG@10']).toBeCloseTo(lost, 12);
    }
  });

  it.each([
    [
      'a codec that is none',
      ['--states', 'tokens-fp32,anchor-int8'],
      ['expected anchor-fp16', '"tokens-fp32"'],
    ],
    ['rerankers beside codecs', ['--states', 'tokens-int8', '--rerankers', 'cosine'], ['leave it out']],
    ['a folder that is not there', ['--data', 'no-such'], ['corpus.jsonl', 'queries.jsonl', 'qrels.tsv']],
    ['candidates that are not there', ['--candidates', 'bm25'], ['candidates-bm25.tsv', '"judged"']],
    [
      'unknown rerankers',
      ['--rerankers', 'cosine,cosines,bm25'],
      ['first-stage, default, model, cosine, anchor', '"cosines"', '"bm25"'],
    ],
    ['a depth that the model has not', ['--rerankers', 'default,depth-4'], ['expected 12 or 6 or 5, got 4']],
    ['unknown measures', ['--measures', 'nDCG@10,F1'], ['expected nDCG@k, RR@k, AP, P@k or R@k', '"F1"']],
    ['a measure at no rank', ['--measures', 'P@0'], ['"P@0"']],
    ['no queries', ['--limit', '0'], ['at least 1, got "0"']],
    ['an unknown option', ['--reranker', 'cosine'], ["unknown option '--reranker'"]],
  ])('ends with 2 and says what to do for %s', async (_what, args, messages) => {
    const { code, stdout, stderr } = await evaluate(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    for (const message of messages) expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('ends with 1 and names the line of a file that cannot be read', async () => {
    const broken = join(folder, 'broken');
    await mkdir(broken);
    for (const name of ['corpus.jsonl', 'queries.jsonl'])
      await writeFile(join(broken, name), await readFile(join(collection, name)));
    await writeFile(join(broken, 'qrels.tsv'), 'q0 0 r0 1\nq0 0 n00 maybe\n');
    const { code, stdout, stderr } = await evaluate('--data', broken);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/qrels\.tsv", line 2: .*maybe/);
  });
});

const published = fileURLToPath(new URL('../../../../shared/data/trec-dl19', import.meta.url));
const hasData = existsSync(published);
if (!hasData) console.log('skipped: BM25 on trec-dl19, for the collection is not beside the repository');

describe.skipIf(!hasModel || !hasData)('blockrank evaluate on trec-dl19', () => {
  it('meets the published figure of BM25', async () => {
    const args = ['--data', published, '--candidates', 'bm25', '--rerankers', 'first-stage'];
    const result = await evaluateJson(...args);
    expect(result).toMatchObject({ dataset: 'trec-dl19', n: 43 });
    expect(result.rerankers['first-stage']!.measures['nDCG@10']!.toFixed(4)).toBe('0.5058');
  });
});
