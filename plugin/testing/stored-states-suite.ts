/** The conformance tests of adapters whose server keeps block states. */
import assert from 'node:assert/strict';
import type { Shortlist, StoredState } from '../../engine/index.ts';
import { deepFreeze, documentOf, reversed, searchManyOf, storedForm } from './adapter-check-tools.ts';
import { suiteQuery } from './adapter-documents.ts';
import type { SuiteSubject, SuiteWish } from './adapter-subject.ts';
import { type SuiteSkip, type TestRunner, testRunner } from './test-runner.ts';

/** An adapter under test whose server keeps block states. */
export interface StoredStatesSubject<Request, Response> extends SuiteSubject<Request, Response> {
  /** Keeps bytes as the state of a document; searches see the state once the promise resolves. */
  readonly keep: (docId: string, state: Uint8Array) => Promise<void>;
}

/** Options of {@link storedStatesSuite}. */
export interface StoredStatesSuiteOptions<Request, Response> {
  /** Names the group of tests. */
  readonly name: string;
  /** Opens the adapter over a store of exactly `suiteDocuments`, without states; each test opens one. */
  readonly open: () => Promise<StoredStatesSubject<Request, Response>>;
  /** Tests that this adapter cannot pass, by name, each with the reason, which is printed. @defaultValue `[]` */
  readonly skip?: readonly SuiteSkip[];
  /** Where tests are registered. @defaultValue vitest's, else the global `describe` and `it` */
  readonly runner?: TestRunner;
}

type Subject = StoredStatesSubject<unknown, unknown>;
type Check = (subject: Subject) => Promise<void>;

const bytesFor = (docId: string): Uint8Array =>
  new Uint8Array(Buffer.from(`state of ${docId} \u0000ÿ`, 'latin1'));
const stated = ['d3', 'd7', 'list', 'odd'];

interface Loaded {
  readonly plan: ReturnType<Subject['adapter']['plan']>;
  readonly response: unknown;
  readonly shortlist: Shortlist;
}

/** Searches, reads the shortlist and, where states lie elsewhere, fetches them, as the stage does. */
async function load({ adapter, request }: Subject, wish: SuiteWish, window = 50): Promise<Loaded> {
  const plan = adapter.plan(deepFreeze(request(wish)), { rankWindowSize: window });
  const response = deepFreeze(await adapter.search(plan));
  const shortlist = deepFreeze(adapter.toShortlist(plan, response));
  const found = { plan, response, shortlist };
  return { ...found, shortlist: (await adapter.addStates?.(found)) ?? shortlist };
}

async function keepAll(subject: Subject): Promise<void> {
  for (const docId of stated) await subject.keep(docId, bytesFor(docId));
}

function assertStates({ candidates }: Shortlist): void {
  assert.ok(
    candidates.some(({ docId }) => stated.includes(docId)),
    'expected documents with a state among the hits',
  );
  for (const { docId, storedState } of candidates) {
    const expected = stated.includes(docId) ? bytesFor(docId) : undefined;
    assert.deepEqual(toBytes(storedState), expected && [...expected], docId);
  }
}

function toBytes(state: StoredState | undefined): number[] | undefined {
  if (state === undefined) return undefined;
  assert.ok(state instanceof Uint8Array, 'expected the bytes that were kept');
  return [...state];
}

const wish: SuiteWish = { query: suiteQuery, size: 50 };
const choices: readonly SuiteWish['source'][] = [
  undefined,
  false,
  ['title'],
  ['ti*', 'year'],
  { excludes: ['body'] },
];

const checks: Readonly<Record<string, Check>> = {
  'finds none where none were kept, and says that it asked': async (subject) => {
    const { shortlist } = await load(subject, wish);
    assert.equal(shortlist.asksStates, true);
    assert.deepEqual(
      shortlist.candidates.filter(({ storedState }) => storedState !== undefined),
      [],
    );
  },
  'gives every candidate its own state, and the others none': async (subject) => {
    await keepAll(subject);
    assertStates((await load(subject, wish)).shortlist);
  },
  'finds states whatever the request wants of the documents': async (subject) => {
    await keepAll(subject);
    for (const source of choices) {
      assertStates((await load(subject, { ...wish, ...(source !== undefined && { source }) })).shortlist);
    }
  },
  'gives hits back without the state, as the request wanted them': async (subject) => {
    await keepAll(subject);
    for (const source of choices) {
      const asked = { ...wish, ...(source !== undefined && { source }) };
      const { plan, response, shortlist } = await load(subject, asked);
      const hits = subject.hits(subject.adapter.applyOutcome(plan, response, reversed(shortlist)));
      assert.equal(hits.length, shortlist.candidates.length);
      for (const { docId, source: found } of hits) assert.deepEqual(found, wantedOf(docId, source), docId);
    }
  },
  'gives bytes that are no state as they lie: the engine judges them': async (subject) => {
    const odd = new Uint8Array([0, 255, 66, 83]);
    await subject.keep('d3', odd);
    const { shortlist } = await load(subject, wish);
    const candidate = shortlist.candidates.find(({ docId }) => docId === 'd3');
    assert.deepEqual(toBytes(candidate?.storedState), [...odd]);
  },
  'gives a state that was kept later in place of an earlier one': async (subject) => {
    await subject.keep('d3', bytesFor('another'));
    await keepAll(subject);
    assertStates((await load(subject, wish)).shortlist);
  },
  'finds the states of a page, of a window that is larger, and of a smaller one': async (subject) => {
    await keepAll(subject);
    for (const window of [20, 50]) {
      const { shortlist } = await load(subject, { query: suiteQuery, size: 2 }, window);
      assert.ok(shortlist.candidates.length <= window);
      assertStates(shortlist);
    }
  },
  'takes a list without hits': async (subject) => {
    const { shortlist } = await load(subject, { ...wish, query: 'nothing-says-this-word' });
    assert.deepEqual(shortlist.candidates, []);
  },
  'finds states of several searches that were sent together': async (subject) => {
    await keepAll(subject);
    const { adapter, request } = subject;
    const plans = [wish, { ...wish, source: false as const }].map((one) =>
      adapter.plan(request(one), { rankWindowSize: 50 }),
    );
    const responses = await searchManyOf(adapter)(plans);
    for (const [i, response] of responses.entries()) {
      const found = { plan: plans[i]!, response, shortlist: adapter.toShortlist(plans[i]!, response) };
      assertStates((await adapter.addStates?.(found)) ?? found.shortlist);
    }
  },
  "rejects with the signal's reason while it fetches": async (subject) => {
    const { addStates } = subject.adapter;
    if (!addStates) return;
    const found = await load(subject, wish);
    const signal = AbortSignal.abort(new Error('enough'));
    await assert.rejects(addStates.call(subject.adapter, found, { signal }), /enough/);
  },
};

/** The part of a document that a request's choice keeps. */
function wantedOf(docId: string, source: SuiteWish['source']): unknown {
  const all = storedForm(documentOf(docId)) as Record<string, unknown>;
  if (source === undefined) return all;
  if (source === false) return undefined;
  const isWanted = (name: string): boolean => {
    if ('excludes' in source) return !source.excludes.includes(name);
    return source.some(
      (pattern) => pattern === name || (pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1))),
    );
  };
  return Object.fromEntries(Object.entries(all).filter(([name]) => isWanted(name)));
}

/**
 * Registers the conformance tests of a search index as a source of block states, for one adapter and one place.
 *
 * @throws RangeError when `skip` names an unknown test.
 */
export function storedStatesSuite<Request, Response>(
  options: StoredStatesSuiteOptions<Request, Response>,
): void {
  const { name, open, skip = [] } = options;
  const { describe, it } = testRunner(options.runner);
  const unknown = skip.find(({ test }) => !Object.hasOwn(checks, test));
  if (unknown)
    throw new RangeError(
      `storedStatesSuite: expected skip to name a test of the suite, got "${unknown.test}".`,
    );
  describe(`${name} as an index of block states`, () => {
    for (const [rule, check] of Object.entries(checks)) {
      const run = async (): Promise<void> => {
        const subject = await open();
        try {
          await check(subject as Subject);
        } finally {
          await subject.close?.();
        }
      };
      const skipped = skip.find(({ test }) => test === rule);
      if (skipped) it.skip(`${rule} (skipped: ${skipped.reason})`, run);
      else it(rule, run);
    }
  });
}
