/** The conformance tests of rerankers. */
import assert from 'node:assert/strict';
import type { Candidate, Ranking, Reranker, Shortlist } from '../../engine/index.ts';
import { type SuiteSkip, type TestRunner, testRunner } from './test-runner.ts';

/** Options of {@link rerankerSuite}. */
export interface RerankerSuiteOptions {
  /** Names the group of tests. */
  readonly name: string;
  /** Opens the reranker under test; each test opens one and closes it. */
  readonly open: () => Promise<Reranker> | Reranker;
  /** Tests that this reranker cannot pass, by name, each with the reason, which is printed. @defaultValue `[]` */
  readonly skip?: readonly SuiteSkip[];
  /** Where tests are registered. @defaultValue vitest's, else the global `describe` and `it` */
  readonly runner?: TestRunner;
}

type Check = (reranker: Reranker) => Promise<void>;

const texts = [
  'Astronomy is the study of the stars and the planets.',
  'A stew of beans and pork, cooked slowly.',
  'The astronomer looked at the stars through a telescope.',
  '',
  'Pruning roses in early spring keeps them healthy.',
  'Телескоп и звёзды 🌟 \u202Bנגלה\u202C \u0000 [SEP] </s>',
];
const query = 'who studies the stars';

const checks: Readonly<Record<string, Check>> = {
  'ranks every candidate exactly once': async (reranker) => {
    assertRanking(await reranker.rerank(shortlistOf(texts)), texts.length);
  },
  'gives scores that sum to 1 over the list': async (reranker) => {
    const { candidates } = await reranker.rerank(shortlistOf(texts));
    const sum = candidates.reduce((total, { score }) => total + score, 0);
    assert.ok(Math.abs(sum - 1) < 1e-6, `expected scores that sum to 1, got ${sum}`);
  },
  'keeps shortlist order between equal candidates': async (reranker) => {
    const same = shortlistOf(['the same words', 'the same words', 'the same words', 'the same words']);
    const { candidates } = await reranker.rerank(same);
    assert.deepEqual(
      candidates.map(({ index }) => index),
      [0, 1, 2, 3],
    );
  },
  'tells candidates that share an id apart': async (reranker) => {
    const twins = texts.map((text, i) => ({ ...candidateOf(text, i), docId: 'twin' }));
    assertRanking(await reranker.rerank({ ...shortlistOf(texts), candidates: twins }), twins.length);
  },
  'gives an empty ranking for an empty shortlist': async (reranker) => {
    assert.deepEqual((await reranker.rerank(shortlistOf([]))).candidates, []);
  },
  'scores a single candidate 1': async (reranker) => {
    const { candidates } = await reranker.rerank(shortlistOf(['alone']));
    assert.deepEqual(
      candidates.map(({ index, score }) => ({ index, score })),
      [{ index: 0, score: 1 }],
    );
  },
  'gives the same answer twice': async (reranker) => {
    const first = await reranker.rerank(shortlistOf(texts));
    const second = await reranker.rerank(shortlistOf(texts));
    assert.deepEqual(second.candidates, first.candidates);
  },
  'answers concurrent calls as it answers one': async (reranker) => {
    const lists = [texts, texts.toReversed(), texts.slice(0, 2)].map(shortlistOf);
    const alone: Ranking[] = [];
    for (const list of lists) alone.push(await reranker.rerank(list));
    const together = await Promise.all(lists.map((list) => reranker.rerank(list)));
    assert.deepEqual(together.map(orderOf), alone.map(orderOf));
  },
  'does not care what the first stage scored': async (reranker) => {
    const scores = [Number.NaN, -9.5e9, Number.POSITIVE_INFINITY, 0, 1e308, -0];
    const candidates = texts.map((text, i) => ({ ...candidateOf(text, i), firstStageScore: scores[i]! }));
    assertRanking(await reranker.rerank({ ...shortlistOf(texts), candidates }), texts.length);
  },
  'leaves a frozen shortlist as it is': async (reranker) => {
    const list = deepFreeze(shortlistOf(texts));
    const before = JSON.stringify(list);
    await reranker.rerank(list);
    assert.equal(JSON.stringify(list), before);
  },
  'explains when asked, and only then': async (reranker) => {
    const plain = await reranker.rerank(shortlistOf(texts));
    const explained = await reranker.rerank(shortlistOf(texts), { explain: true });
    assert.ok(plain.candidates.every(({ explanation }) => explanation === undefined));
    assert.ok(explained.candidates.every(({ explanation }) => explanation !== undefined));
    assert.deepEqual(orderOf(explained), orderOf(plain));
  },
  'counts what it read': async (reranker) => {
    const { usage } = await reranker.rerank(shortlistOf(texts));
    for (const [name, count] of Object.entries(usage)) {
      assert.ok(Number.isInteger(count) && count >= 0, `expected usage.${name} to be a count, got ${count}`);
    }
  },
  "rejects with the signal's reason when aborted before": async (reranker) => {
    const reason = new Error('not wanted any more');
    await rejectsWith(reranker.rerank(shortlistOf(texts), { signal: AbortSignal.abort(reason) }), reason);
  },
  "rejects with the signal's reason when aborted under way": async (reranker) => {
    const reason = new Error('not wanted any more');
    const controller = new AbortController();
    const call = reranker.rerank(shortlistOf(texts), { signal: controller.signal });
    controller.abort(reason);
    await rejectsWith(call, reason);
  },
  'rejects with a TypeError after it was closed': async (reranker) => {
    await reranker.close();
    await assert.rejects(reranker.rerank(shortlistOf(texts)), TypeError);
  },
  'may be closed twice': async (reranker) => {
    await reranker.close();
    await reranker.close();
  },
  'says what it is': async (reranker) => {
    const { name, encodingDigest, readoutDigest, executionProvider, languages } = reranker.info;
    for (const text of [name, encodingDigest, readoutDigest, executionProvider]) assert.ok(text.length > 0);
    assert.ok(languages.every((language) => /^[a-z]{2,3}$/.test(language)));
  },
};

/** Registers the conformance tests of {@link Reranker} for one implementation. */
export function rerankerSuite(options: RerankerSuiteOptions): void {
  const { name, open, skip = [] } = options;
  const { describe, it } = testRunner(options.runner);
  const unknown = skip.find(({ test }) => !(test in checks));
  if (unknown)
    throw new RangeError(`rerankerSuite: expected skip to name a test of the suite, got "${unknown.test}".`);
  describe(`${name} as a reranker`, () => {
    for (const [rule, check] of Object.entries(checks)) {
      const run = async (): Promise<void> => {
        const reranker = await open();
        try {
          await check(reranker);
        } finally {
          await reranker.close();
        }
      };
      const skipped = skip.find(({ test }) => test === rule);
      if (skipped) it.skip(`${rule} (skipped: ${skipped.reason})`, run);
      else it(rule, run);
    }
  });
}

function candidateOf(text: string, i: number): Candidate {
  return {
    docId: `d${i}`,
    text,
    segments: [{ field: 'text', start: 0, end: text.length }],
    firstStageScore: 10 - i,
  };
}

function shortlistOf(list: readonly string[]): Shortlist {
  return { query: { text: query }, candidates: list.map(candidateOf), firstStage: 'lexical' };
}

function orderOf({ candidates }: Ranking): readonly number[] {
  return candidates.map(({ index }) => index);
}

function assertRanking(ranking: Ranking, count: number): void {
  const { candidates } = ranking;
  const everyIndex = Array.from({ length: count }, (_, i) => i);
  assert.deepEqual(
    [...orderOf(ranking)].sort((a, b) => a - b),
    everyIndex,
  );
  for (const [i, { logit, score }] of candidates.entries()) {
    assert.ok(Number.isFinite(logit), `expected a finite logit at rank ${i + 1}, got ${logit}`);
    assert.ok(score >= 0 && score <= 1, `expected a score in [0, 1] at rank ${i + 1}, got ${score}`);
    assert.ok(i === 0 || candidates[i - 1]!.score >= score, `expected descending scores at rank ${i + 1}`);
  }
}

async function rejectsWith(call: Promise<unknown>, reason: Error): Promise<void> {
  await assert.rejects(call, (error) => error === reason);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return value;
}
