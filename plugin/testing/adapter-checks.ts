/** The rules of the adapters' conformance suite, each a test. */
import assert from 'node:assert/strict';
import type { Outcome } from '../../adapters/adapter.ts';
import { FirstStageError } from '../../engine/index.ts';
import {
  bodyOf,
  deepFreeze,
  documentOf,
  isFirstStageError,
  kept,
  rankWindowSize,
  rerankedPage,
  reversed,
  type Subject,
  searched,
  searchManyOf,
  signalsOf,
  storedForm,
  textOf,
  timings,
  usage,
} from './adapter-check-tools.ts';
import { suiteDocuments, suiteQuery } from './adapter-documents.ts';

/** One rule. */
export type AdapterCheck = (subject: Subject) => Promise<void>;

const planning: Readonly<Record<string, AdapterCheck>> = {
  'finds the question in the request': async ({ adapter, request }) => {
    const plan = adapter.plan(request({ query: suiteQuery }), { rankWindowSize });
    assert.equal(plan.query?.text, suiteQuery);
    assert.equal(plan.reason, undefined);
  },
  'takes the question that the call gives': async ({ adapter, request }) => {
    const plan = adapter.plan(request({ query: suiteQuery }), {
      rankWindowSize,
      queryText: 'another question',
    });
    assert.equal(plan.query?.text, 'another question');
  },
  "remembers the page and the user's own request": async ({ adapter, request }) => {
    const own = request({ query: suiteQuery, from: 3, size: 4 });
    const plan = adapter.plan(own, { rankWindowSize });
    assert.deepEqual(plan.page, { from: 3, size: 4 });
    assert.equal(plan.original, own);
  },
  'passes a page after the window as it is': async ({ adapter, request }) => {
    const own = request({ query: suiteQuery, from: rankWindowSize, size: 4 });
    const plan = adapter.plan(own, { rankWindowSize });
    assert.equal(plan.reason, 'beyond-window');
    assert.equal(plan.request, own);
  },
  'passes a page without hits as it is': async ({ adapter, request }) => {
    assert.equal(
      adapter.plan(request({ query: suiteQuery, size: 0 }), { rankWindowSize }).reason,
      'size-zero',
    );
  },
  'passes a search with an order of its own as it is': async ({ adapter, request }) => {
    const own = request({ query: suiteQuery, isSorted: true });
    const plan = adapter.plan(own, { rankWindowSize });
    assert.equal(plan.reason, 'explicit-sort');
    assert.equal(plan.request, own);
  },
};

const reading: Readonly<Record<string, AdapterCheck>> = {
  'reads the window in the order of the server': async (subject) => {
    const { shortlist, firstStageIds } = await searched(subject, { query: suiteQuery, size: 5 });
    assert.deepEqual(
      shortlist.candidates.map(({ docId }) => docId),
      firstStageIds.slice(0, rankWindowSize),
    );
    assert.equal(shortlist.query.text, suiteQuery);
    assert.equal(shortlist.firstStage, 'lexical');
  },
  "reads every document's title and body": async (subject) => {
    const { shortlist } = await searched(subject, { query: suiteQuery }, 50);
    assert.equal(shortlist.candidates.length, suiteDocuments.length - 1);
    for (const { docId, text } of shortlist.candidates) assert.equal(text, textOf(documentOf(docId)), docId);
  },
  'says where each field lies in the text': async (subject) => {
    const { shortlist } = await searched(subject, { query: suiteQuery }, 50);
    for (const { docId, text, segments } of shortlist.candidates) {
      const { title, body } = documentOf(docId);
      const parts = [title, bodyOf(body)].filter((part) => part !== '');
      assert.deepEqual(
        segments.map(({ start, end }) => text.slice(start, end)),
        parts,
        docId,
      );
    }
  },
  'keeps the scores of the first stage': async (subject) => {
    const { shortlist } = await searched(subject, { query: suiteQuery });
    const scores = shortlist.candidates.map(({ firstStageScore }) => firstStageScore);
    assert.ok(scores.every((score) => Number.isFinite(score)));
    assert.deepEqual(
      scores,
      [...scores].sort((a, b) => b! - a!),
    );
  },
  'carries the signals that it was told to, and no others': async (subject) => {
    const { shortlist } = await searched(subject, { query: suiteQuery }, 50);
    for (const { docId, signals } of shortlist.candidates) {
      assert.deepEqual(signals, subject.hasSignals ? signalsOf(documentOf(docId)) : undefined, docId);
    }
  },
  'carries signals whatever comes back of the document': async (subject) => {
    for (const source of [false, ['title'], { excludes: ['year'] }] as const) {
      const { shortlist } = await searched(subject, { query: suiteQuery, source }, 50);
      for (const { docId, signals } of shortlist.candidates) {
        assert.deepEqual(signals, subject.hasSignals ? signalsOf(documentOf(docId)) : undefined, docId);
      }
    }
  },
  'reads an empty shortlist from an answer without hits': async (subject) => {
    const { shortlist, response } = await searched(subject, { query: 'nothinghasthisword' });
    assert.deepEqual(shortlist.candidates, []);
    assert.deepEqual(subject.hits(response), []);
  },
  'refuses to read what is no answer': async ({ adapter, request, malformed }) => {
    const plan = adapter.plan(request({ query: suiteQuery }), { rankWindowSize });
    assert.throws(() => adapter.toShortlist(plan, malformed), isFirstStageError(adapter.name));
  },
};

const applying: Readonly<Record<string, AdapterCheck>> = {
  'gives the page in the new order': async (subject) => {
    const { response, plan, shortlist, firstStageIds } = await searched(subject, {
      query: suiteQuery,
      from: 2,
      size: 5,
    });
    const page = subject.hits(subject.adapter.applyOutcome(plan, response, reversed(shortlist)));
    const expected = firstStageIds.slice(0, rankWindowSize).toReversed().slice(2, 7);
    assert.deepEqual(
      page.map(({ docId }) => docId),
      expected,
    );
  },
  'gives every hit its new score and where it came from': async (subject) => {
    const { response, plan, shortlist } = await searched(subject, { query: suiteQuery, size: 5 });
    const outcome = reversed(shortlist);
    const page = subject.hits(subject.adapter.applyOutcome(plan, response, outcome));
    for (const [i, { score, mark }] of page.entries()) {
      const { index, score: expected } = outcome.hits[i]!;
      const { firstStageScore } = shortlist.candidates[index]!;
      assert.equal(score, expected);
      assert.deepEqual(mark, { rank: i + 1, score: expected, firstStageRank: index + 1, firstStageScore });
    }
  },
  'keeps the hits after the window below it, in their order': async (subject) => {
    const { response, plan, shortlist, firstStageIds } = await searched(subject, {
      query: suiteQuery,
      from: 10,
      size: 6,
    });
    const page = subject.hits(subject.adapter.applyOutcome(plan, response, reversed(shortlist)));
    const window = firstStageIds.slice(0, rankWindowSize).toReversed();
    const expected = [...window, ...firstStageIds.slice(rankWindowSize)].slice(10, 16);
    assert.deepEqual(
      page.map(({ docId }) => docId),
      expected,
    );
    const scores = page.map(({ score }) => score!);
    assert.deepEqual(
      scores,
      [...scores].sort((a, b) => b - a),
    );
  },
  "gives all pages together exactly the first stage's hits": async (subject) => {
    const ids: string[] = [];
    for (let from = 0; from < suiteDocuments.length; from += 7) {
      const { response, plan, shortlist } = await searched(subject, { query: suiteQuery, from, size: 7 });
      const outcome = plan.reason ? kept(plan.reason) : reversed(shortlist);
      ids.push(
        ...subject.hits(subject.adapter.applyOutcome(plan, response, outcome)).map(({ docId }) => docId),
      );
    }
    const { firstStageIds } = await searched(subject, { query: suiteQuery });
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual([...ids].sort(), [...firstStageIds].sort());
  },
  'gives only what a cut left': async (subject) => {
    const { response, plan, shortlist, firstStageIds } = await searched(subject, {
      query: suiteQuery,
      size: 20,
    });
    const whole = reversed(shortlist);
    const cut = { ...whole, hits: whole.hits.slice(0, 3), keepsTail: false };
    const page = subject.hits(subject.adapter.applyOutcome(plan, response, cut));
    assert.deepEqual(
      page.map(({ docId }) => docId),
      firstStageIds.slice(0, rankWindowSize).toReversed().slice(0, 3),
    );
  },
  "gives the first stage's page when nothing was reranked, and says why": async (subject) => {
    const { response, plan, firstStageIds } = await searched(subject, {
      query: suiteQuery,
      from: 4,
      size: 5,
    });
    const error = new FirstStageError('the reranker fell over', { adapter: 'test' });
    const outcome: Outcome = { reranked: false, reason: 'rerank-error', error, timings, warnings: [] };
    const answer = subject.adapter.applyOutcome(plan, response, outcome);
    assert.deepEqual(
      subject.hits(answer).map(({ docId }) => docId),
      firstStageIds.slice(4, 9),
    );
    assert.deepEqual(subject.mark(answer), {
      reranked: false,
      reason: 'rerank-error',
      error: { code: error.code, message: error.message },
      timings,
    });
  },
  'says on the response what the ranking cost': async (subject) => {
    const { response, plan, shortlist } = await searched(subject, { query: suiteQuery });
    const warnings = [{ code: 'setting', message: 'raise it' }];
    const answer = subject.adapter.applyOutcome(plan, response, { ...reversed(shortlist), warnings });
    assert.deepEqual(subject.mark(answer), {
      reranked: true,
      rankWindowSize,
      cached: false,
      usage,
      timings,
      warnings,
    });
  },
  'brings back the whole document where that was asked for': async (subject) => {
    const page = await rerankedPage(subject, { query: suiteQuery, size: 3 });
    for (const { docId, source } of page) assert.deepEqual(source, storedForm(documentOf(docId)));
  },
  'brings back only the chosen fields': async (subject) => {
    const page = await rerankedPage(subject, { query: suiteQuery, size: 3, source: ['year'] });
    for (const { docId, source } of page) assert.deepEqual(source, { year: documentOf(docId).year });
  },
  'leaves out the fields that were not wanted': async (subject) => {
    const page = await rerankedPage(subject, { query: suiteQuery, size: 3, source: { excludes: ['body'] } });
    for (const { docId, source } of page) {
      const { body: _body, ...rest } = documentOf(docId);
      assert.deepEqual(source, storedForm(rest));
    }
  },
  'brings back no fields where none were wanted': async (subject) => {
    const page = await rerankedPage(subject, { query: suiteQuery, size: 3, source: false });
    assert.deepEqual(
      page.map(({ source }) => source),
      [undefined, undefined, undefined],
    );
  },
};

const calling: Readonly<Record<string, AdapterCheck>> = {
  'changes nothing that it is given': async (subject) => {
    const { adapter, request, hits } = subject;
    const own = deepFreeze(request({ query: suiteQuery, from: 1, size: 5, source: ['year'] }));
    const before = JSON.stringify(own);
    const plan = deepFreeze(adapter.plan(own, { rankWindowSize }));
    const response = deepFreeze(await adapter.search(plan));
    const shortlist = deepFreeze(adapter.toShortlist(plan, response));
    const answered = JSON.stringify(response);
    const first = adapter.applyOutcome(plan, response, deepFreeze(reversed(shortlist)));
    const second = adapter.applyOutcome(plan, response, reversed(shortlist));
    assert.equal(JSON.stringify(own), before);
    assert.equal(JSON.stringify(response), answered);
    assert.deepEqual(hits(second), hits(first));
  },
  'answers several searches, each as it would alone': async (subject) => {
    const { adapter, request, hits } = subject;
    const wishes = [{ query: suiteQuery, size: 4 }, { query: 'telescope' }, { query: 'nothinghasthisword' }];
    const plans = wishes.map((wish) => adapter.plan(request(wish), { rankWindowSize }));
    const together = await searchManyOf(adapter)(plans);
    for (const [i, plan] of plans.entries()) {
      const answer = together[i]!;
      assert.ok(!(answer instanceof Error), String(answer));
      const alone = await adapter.search(plan);
      assert.deepEqual(
        hits(answer).map(({ docId }) => docId),
        hits(alone).map(({ docId }) => docId),
      );
    }
  },
  'gives the error of one search in its place among several': async ({ adapter, request, hits }) => {
    const wishes = [{ query: suiteQuery }, { query: suiteQuery, isRefused: true }, { query: 'telescope' }];
    const plans = wishes.map((wish) => adapter.plan(request(wish), { rankWindowSize }));
    const [first, second, third] = await searchManyOf(adapter)(plans);
    assert.ok(isFirstStageError(adapter.name)(second));
    for (const answer of [first, third]) {
      assert.ok(!(answer instanceof Error), String(answer));
      assert.ok(hits(answer).length > 0);
    }
  },
  'answers no searches with no answers': async ({ adapter }) => {
    assert.deepEqual(await searchManyOf(adapter)([]), []);
  },
  'rejects a refused search with a FirstStageError that carries the status': async ({ adapter, request }) => {
    const plan = adapter.plan(request({ query: suiteQuery, isRefused: true }), { rankWindowSize });
    await assert.rejects(adapter.search(plan), (error) => {
      assert.ok(isFirstStageError(adapter.name)(error));
      const { statusCode } = error as FirstStageError;
      assert.ok(
        statusCode !== undefined && statusCode >= 400,
        `expected a status from 400, got ${statusCode}`,
      );
      return true;
    });
  },
  "rejects with the signal's reason when aborted before": async ({ adapter, request }) => {
    const reason = new Error('not wanted any more');
    const plan = adapter.plan(request({ query: suiteQuery }), { rankWindowSize });
    await assert.rejects(
      adapter.search(plan, { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
  },
  "rejects with the signal's reason when aborted under way": async ({ adapter, request }) => {
    const reason = new Error('not wanted any more');
    const controller = new AbortController();
    const plan = adapter.plan(request({ query: suiteQuery }), { rankWindowSize });
    const search = adapter.search(plan, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(search, (error) => error === reason);
  },
};

/** Every rule, by its name. */
export const adapterChecks: Readonly<Record<string, AdapterCheck>> = {
  ...planning,
  ...reading,
  ...applying,
  ...calling,
};
