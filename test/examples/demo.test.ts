import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StoredIndex } from '../../adapters/embedded/index.ts';
import type { DemoResult, ListedHit } from '../../examples/demo/report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const hasModel = existsSync(join(root, 'models/default/model.safetensors'));
if (!hasModel) console.log('test/examples/demo: skipped, models/default is absent.');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let cacheFolder: string;
let first: Ended;

/** Runs what `npm run demo` runs, without its installation of missing packages, on a cache of this test's own. */
function runDemo(...args: readonly string[]): Promise<Ended> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [command, ...given] = scripts.demo.replace('node scripts/with-dependencies.mjs ', '').split(' ');
  const { PATH, HOME } = process.env;
  const env = {
    PATH: [join(root, 'node_modules', '.bin'), PATH].join(delimiter),
    HOME,
    BLOCKRANK_CACHE: cacheFolder,
  };
  const child = spawn(command, [...given, ...args], { cwd: root, env });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, ...texts }));
  });
}

const question = 'person who studies the stars';
const docIdsOf = (hits: readonly ListedHit[]): string[] => hits.map(({ docId }) => docId);
const rankOf = (hits: readonly ListedHit[], word: string): number =>
  hits.find(({ title }) => title.split(', ').includes(word))!.rank;

describe.skipIf(!hasModel)('the demo', () => {
  beforeAll(async () => {
    cacheFolder = await mkdtemp(join(tmpdir(), 'blockrank-demo-'));
    first = await runDemo('--json', question);
  });
  afterAll(() => rm(cacheFolder, { recursive: true }));

  it('prints one JSON object with both orders of the same hundred synsets', () => {
    expect(first.code).toBe(0);
    // Where the index takes seconds to make, it says how far it is.
    expect(first.stderr).toMatch(/^(indexing WordNet: [^\n]*\n)*$/);
    const result = JSON.parse(first.stdout) as DemoResult;
    expect(Object.keys(result)).toEqual(['query', 'firstStage', 'reranked']);
    expect(result.query).toBe(question);
    for (const hits of [result.firstStage, result.reranked]) {
      expect(hits.map(({ rank }) => rank)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
      for (const hit of hits) {
        expect(Object.keys(hit)).toEqual(['rank', 'docId', 'title', 'text', 'score']);
        expect([hit.docId, hit.title, hit.text]).not.toContain('');
        expect(hit.score).toSatisfy(Number.isFinite);
      }
      expect(new Set(docIdsOf(hits)).size).toBe(100);
      const scores = hits.map(({ score }) => score);
      expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    }
    expect(docIdsOf(result.reranked).toSorted()).toEqual(docIdsOf(result.firstStage).toSorted());
  });

  it('moves the word that is meant to the front', () => {
    const { firstStage, reranked } = JSON.parse(first.stdout) as DemoResult;
    // Its gloss, "a physicist who studies astronomy", names neither the person nor the stars.
    expect(rankOf(firstStage, 'astronomer')).toBeGreaterThan(10);
    expect(rankOf(reranked, 'astronomer')).toBeLessThanOrEqual(3);
  });

  it('searches every synset of WordNet, and keeps the index', async () => {
    const [name, ...others] = (await readdir(cacheFolder)).filter((file) => file.startsWith('wordnet-'));
    expect(others).toEqual([]);
    const { documents } = JSON.parse(await readFile(join(cacheFolder, name!), 'utf8')) as StoredIndex;
    expect(documents).toHaveLength(117_791);
    expect(new Set(documents.map(({ docId }) => docId)).size).toBe(117_791);
  });

  it('shows before and after side by side, without escape codes when piped', async () => {
    const { code, stdout, stderr } = await runDemo(question);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain('\u001b');
    const { firstStage, reranked } = JSON.parse(first.stdout) as DemoResult;
    const [head, columns, ...lines] = stdout.trimEnd().split('\n');
    expect(head).toBe(`“${question}”`);
    expect(columns).toMatch(/^ +BM25 +reranked by the model$/);
    // Ten places, then the times. A long title is cut; ten letters of it fit.
    expect(lines).toHaveLength(11);
    for (const [i, line] of lines.slice(0, 10).entries()) {
      const [before, after] = [firstStage[i]!, reranked[i]!].map(({ title }) => title.slice(0, 10));
      expect(line.slice(0, 3).trim()).toBe(String(i + 1));
      expect(line.slice(5)).toMatch(/^.{46} {2}(↑\d+|↓\d+|=) +\S/);
      expect(line.slice(5, 51)).toContain(before);
      expect(line.slice(51)).toContain(after);
    }
    expect(lines.at(-1)).toMatch(/BM25 [\d.]+ ms, model [\d.]+ ms .*100 glosses read/);
  });

  it('gives the same order from the index it kept', async () => {
    const { stdout } = await runDemo('--json', question);
    expect(stdout).toBe(first.stdout);
  });

  it('names an unknown option, and prints nothing else', async () => {
    const { code, stdout, stderr } = await runDemo('--jsn');
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^error: unknown option '--jsn'/);
    expect(code).toBe(2);
  });
});
