import { describe, expect, it } from 'vitest';
import { TrainingListError } from '../../../../engine/errors.ts';
import type { TensorValue } from '../../../../engine/graph/tensor.ts';
import { input } from '../../../../engine/graph/value.ts';
import { createLosses } from '../../../../engine/training/losses/create-losses.ts';
import { lossesSchema } from '../../../../engine/training/losses/losses-recipe.ts';
import type { TrainingList } from '../../../../engine/training/trainer/training-list.ts';
import { gradientOf, trainingGraph } from '../../../../engine/training/training-graph.ts';
import { assertAllClose } from '../../../support/checks/all-close.ts';
import { openGraph } from '../../../support/checks/gradient-check.ts';

type Gain = number | undefined;
interface Case {
  readonly gains: readonly Gain[];
  readonly logits: readonly number[];
  readonly teacher: readonly number[];
  readonly start: readonly number[];
}

const cases: Readonly<Record<string, Case>> = {
  'graded gains': {
    gains: [0, 2, 1, 0, 3],
    logits: [0.5, -0.25, 1.5, 0.125, 0.75],
    teacher: [-1, 2, 0.5, -3, 4],
    start: [0.25, 0.5, 1, 0, -1],
  },
  'one document of positive gain only': {
    gains: [0, 0, 1],
    logits: [2, -1.5, 0.25],
    teacher: [0, -2, 3],
    start: [1, 2, 3],
  },
  'unjudged documents, one of them above a positive': {
    gains: [1, undefined, 0, undefined, 2, undefined],
    logits: [0.75, 3, -0.5, 0.25, -1.25, 1.5],
    teacher: [1, 2.5, 4, 0.5, 2, 1],
    start: [0, 1, -1, 2, 0.5, 0.25],
  },
  ties: {
    gains: [0, 1, 0, 1, 0],
    logits: [0.5, 0.5, 1, 0.5, 1],
    teacher: [1, 1, 0, 0, 2],
    start: [0, 0, 0, 0, 0],
  },
  'equal logits everywhere': {
    gains: [0, 0, 2, 1],
    logits: [0, 0, 0, 0],
    teacher: [0, 1, 2, 3],
    start: [0, 0, 0, 0],
  },
};

const toList = ({ gains, teacher, start }: Case): TrainingList => ({
  set: 'made-up',
  queryId: 'q1',
  query: 'which one',
  documents: gains.map((gain, i) => ({
    docId: `d${i}`,
    text: `document ${i}`,
    ...(gain === undefined ? {} : { gain }),
  })),
  teacherLogits: Float32Array.from(teacher),
  startLogits: Float32Array.from(start),
});

/** Loss and gradient of a recipe on the graph. */
async function onGraph(recipe: unknown, given: Case) {
  const losses = createLosses(lossesSchema.parse(recipe));
  const logits = input('logits', 'float32', ['documents']);
  const { loss, parts } = losses.values(logits);
  const graph = trainingGraph({ loss, others: parts, parameters: { logits } });
  const session = await openGraph(graph);
  const feeds: Record<string, TensorValue> = {
    ...losses.toFeeds(toList(given)),
    logits: {
      type: 'float32',
      shape: [given.logits.length],
      data: Float32Array.from(given.logits),
    },
  };
  const answer = await session.run(feeds, Object.keys(graph));
  await session.release();
  const read = (name: string): number[] => Array.from(answer[name]!.data as Float32Array);
  return { loss: read('loss')[0]!, gradient: read(gradientOf('logits')), read };
}

// Plain formulas in float64, written anew from the papers.

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
const softmax = (logits: readonly number[]): number[] => {
  const exps = logits.map((z) => Math.exp(z));
  return exps.map((value) => value / sum(exps));
};
const visibleOf = ({ gains, teacher }: Case, hidden: string): number[] => {
  const places = [...gains.keys()];
  if (hidden === 'none') return places;
  if (hidden === 'unjudged') return places.filter((i) => gains[i] !== undefined);
  const lowest = Math.min(...places.filter((i) => (gains[i] ?? 0) > 0).map((i) => teacher[i]!));
  return places.filter((i) => gains[i] !== undefined || teacher[i]! < lowest);
};
const at = (values: readonly Gain[], places: readonly number[]): number[] =>
  places.map((i) => values[i] ?? 0);
const pairsOf = (count: number): [number, number][] =>
  Array.from({ length: count * count }, (_, k) => [Math.floor(k / count), k % count]);

type Plain = (logits: readonly number[], given: Case, visible: readonly number[]) => number;
const kl =
  (name: 'teacher' | 'start', T: number, otherT = T): Plain =>
  (logits, given, visible) => {
    const q = softmax(at(logits, visible).map((z) => z / T));
    const p = softmax(at(given[name], visible).map((z) => z / otherT));
    return T * T * sum(p.map((share, i) => share * Math.log(share / q[i]!)));
  };
const rankNet =
  (T: number): Plain =>
  (logits, given, visible) => {
    const [s, gain] = [at(logits, visible), at(given.gains, visible)];
    const pairs = pairsOf(s.length).filter(([i, j]) => gain[i]! > gain[j]!);
    const losses = pairs.map(
      ([i, j]) => (gain[i]! - gain[j]!) * Math.log(1 + Math.exp(-(s[i]! - s[j]!) / T)),
    );
    return sum(losses) / sum(pairs.map(([i, j]) => gain[i]! - gain[j]!));
  };
/** Places are taken from the logits of the case, so that differences see them as constants. */
const lambdaLoss =
  (T: number, cutoff: number, mu: number): Plain =>
  (logits, given, visible) => {
    const [s, gain, now] = [at(logits, visible), at(given.gains, visible), at(given.logits, visible)];
    const order = [...now.keys()].sort((a, b) => now[b]! - now[a]! || a - b);
    const rank = now.map((_, i) => order.indexOf(i) + 1);
    const inverse = (r: number): number => 1 / Math.log2(1 + r);
    const within = (r: number): number => (r <= cutoff ? inverse(r) : 0);
    const ideal = sum([...gain].sort((a, b) => b - a).map((value, i) => value * within(i + 1)));
    return sum(
      pairsOf(s.length)
        .filter(([i, j]) => gain[i]! > gain[j]!)
        .map(([i, j]) => {
          const apart = Math.abs(rank[i]! - rank[j]!);
          const rho = Math.abs(within(rank[i]!) - within(rank[j]!));
          const delta = inverse(apart) - inverse(apart + 1);
          const weight = ((gain[i]! - gain[j]!) * (rho + mu * delta)) / ideal;
          return weight * Math.log(1 + Math.exp(-(s[i]! - s[j]!) / T));
        }),
    );
  };
const marginMse =
  (kind: 'all' | 'positives', scale: number): Plain =>
  (logits, given, visible) => {
    const [s, gain] = [at(logits, visible), at(given.gains, visible)];
    const t = at(given.teacher, visible).map((z) => z * scale);
    const pairs = pairsOf(s.length).filter(([i, j]) =>
      kind === 'all' ? i < j : gain[i]! > 0 && gain[j] === 0,
    );
    const squares = pairs.map(([i, j]) => (s[i]! - s[j]! - (t[i]! - t[j]!)) ** 2);
    return sum(squares) / pairs.length;
  };
const infoNce =
  (tau: number, threshold: number): Plain =>
  (logits, given, visible) => {
    const shares = softmax(softmax(at(logits, visible)).map((mass) => mass / tau));
    const gain = at(given.gains, visible);
    return -Math.log(sum(shares.filter((_, i) => gain[i]! > threshold)));
  };
const listNet =
  (T: number, targets: 'shares' | 'softmax'): Plain =>
  (logits, given, visible) => {
    const gain = at(given.gains, visible);
    const wanted = targets === 'softmax' ? softmax(gain) : gain.map((value) => value / sum(gain));
    const own = softmax(at(logits, visible).map((z) => z / T));
    return -sum(wanted.map((share, i) => share * Math.log(own[i]!)));
  };

const plain: readonly (readonly [name: string, options: object, formula: Plain])[] = [
  ['infoNce', {}, infoNce(0.05, 0)],
  ['infoNce', { temperature: 0.5, threshold: 0.5 }, infoNce(0.5, 0.5)],
  ['distillation', {}, kl('teacher', 1)],
  ['distillation', { temperature: 2, otherTemperature: 3 }, kl('teacher', 2, 3)],
  ['anchor', { temperature: 0.5 }, kl('start', 0.5)],
  ['marginMse', {}, marginMse('all', 1)],
  ['marginMse', { pairs: 'positives', teacherScale: 0.5 }, marginMse('positives', 0.5)],
  ['rankNet', {}, rankNet(1)],
  ['rankNet', { temperature: 0.25 }, rankNet(0.25)],
  ['lambdaLoss', {}, lambdaLoss(1, 10, 0)],
  ['lambdaLoss', { temperature: 0.5, cutoff: 2, mu: 10 }, lambdaLoss(0.5, 2, 10)],
  ['listNet', {}, listNet(1, 'shares')],
  ['listNet', { targets: 'softmax', temperature: 2 }, listNet(2, 'softmax')],
];

const step = 1e-4;
function differencesOf(formula: Plain, given: Case, visible: readonly number[]): number[] {
  return given.logits.map((_, i) => {
    const moved = (by: number): number =>
      formula(given.logits.with(i, given.logits[i]! + by), given, visible);
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

describe.each(Object.keys(cases))('losses of a list with %s', (caseName) => {
  const given = cases[caseName]!;
  it.each(plain)(
    'give what the plain formula of %s %j gives, and its gradient',
    async (name, options, formula) => {
      for (const hidden of ['none', 'unjudged', 'above-positives']) {
        const { loss, gradient } = await onGraph({ [name]: { ...options, hidden } }, given);
        const visible = visibleOf(given, hidden);
        assertAllClose([loss], [formula(given.logits, given, visible)], { rtol: 1e-5, atol: 2e-6 });
        const expected = differencesOf(formula, given, visible);
        const largest = Math.max(...expected.map(Math.abs));
        assertAllClose(gradient, expected, { rtol: 1e-4, atol: 1e-5 * largest + 1e-6 });
        // A hidden document is as if it were not there.
        for (const i of gradient.keys()) if (!visible.includes(i)) expect(gradient[i]).toBe(0);
      }
    },
  );
});

describe('losses', () => {
  it('push equal logits apart: a pair of them has a gradient', async () => {
    for (const name of ['rankNet', 'lambdaLoss']) {
      const { gradient } = await onGraph({ [name]: {} }, cases['equal logits everywhere']!);
      expect(gradient[2]).toBeLessThan(0);
      expect(gradient[0]).toBeGreaterThan(0);
    }
  });

  it('stay finite where logits are far apart', async () => {
    const far = { gains: [1, 0, 0], logits: [-5000, 5000, 0], teacher: [3000, -3000, 0], start: [0, 0, 0] };
    for (const [name, options] of plain) {
      const { loss, gradient } = await onGraph({ [name]: options }, far);
      expect([loss, ...gradient].every(Number.isFinite)).toBe(true);
    }
  });

  it('are 0 with no gradient where a teacher or the start is met', async () => {
    const met = { gains: [1, 0, 0], logits: [1, 2, 0.5], teacher: [1, 2, 0.5], start: [1, 2, 0.5] };
    for (const name of ['distillation', 'anchor', 'marginMse']) {
      const { loss, gradient } = await onGraph({ [name]: {} }, met);
      assertAllClose([loss, ...gradient], [0, 0, 0, 0], { atol: 3e-7 });
    }
  });
});

describe('createLosses', () => {
  const given = cases['graded gains']!;

  it('adds losses by their weights, and gives the parts unweighted', async () => {
    const recipe = { infoNce: { weight: 2 }, rankNet: { weight: 0.5 }, anchor: { weight: 0.1 } };
    const { loss, read } = await onGraph(recipe, given);
    const parts = ['infoNce', 'rankNet', 'anchor'].map((name) => read(name)[0]!);
    assertAllClose([loss], [2 * parts[0]! + 0.5 * parts[1]! + 0.1 * parts[2]!], { rtol: 1e-6 });
    assertAllClose(
      parts,
      [infoNce(0.05, 0), rankNet(1), kl('start', 1)].map((each) =>
        each(given.logits, given, [0, 1, 2, 3, 4]),
      ),
      { rtol: 1e-5, atol: 2e-6 },
    );
  });

  it("adds the network's own losses, and says which of them are missing", async () => {
    const losses = createLosses(lossesSchema.parse({ rankNet: {}, own: { nextToken: 0.5 } }));
    const logits = input('logits', 'float32', ['documents']);
    const nextToken = input('next', 'float32', []);
    expect(Object.keys(losses.values(logits, { nextToken }).parts)).toEqual(['rankNet', 'nextToken']);
    const session = await openGraph({ loss: losses.values(logits, { nextToken }).loss });
    const feeds: Record<string, TensorValue> = {
      ...losses.toFeeds(toList(given)),
      next: { type: 'float32', shape: [], data: Float32Array.of(3) },
      logits: { type: 'float32', shape: [5], data: Float32Array.from(given.logits) },
    };
    const { loss } = await session.run(feeds, ['loss']);
    await session.release();
    assertAllClose(
      Array.from(loss!.data as Float32Array),
      [rankNet(1)(given.logits, given, [0, 1, 2, 3, 4]) + 1.5],
      { rtol: 1e-6 },
    );
    expect(() => losses.values(logits, { other: nextToken })).toThrow(
      'Cannot make the losses: own.nextToken: expected a loss of the trained network, which has other',
    );
  });

  it.each([
    [{ distillation: {} }, [true, false]],
    [{ anchor: {} }, [false, true]],
    [{ infoNce: { hidden: 'above-positives' } }, [true, false]],
    [{ infoNce: {}, lambdaLoss: {}, listNet: {}, rankNet: {} }, [false, false]],
  ])('says which logits %j needs', (recipe, [teacher, start]) => {
    const { needsTeacher, needsStart } = createLosses(lossesSchema.parse(recipe));
    expect([needsTeacher, needsStart]).toEqual([teacher, start]);
  });

  const bare: TrainingList = {
    set: 'made-up',
    queryId: 'q1',
    query: 'which one',
    documents: [
      { docId: 'a', text: 'a', gain: 0 },
      { docId: 'b', text: 'b' },
    ],
  };
  it.each([
    [{ infoNce: {} }, bare, 'expected a document with a gain above 0, found none'],
    [{ lambdaLoss: {} }, bare, 'expected a document with a gain above 0, found none'],
    [{ listNet: {} }, bare, 'expected a document with a gain above 0, found none'],
    [{ rankNet: {} }, bare, 'expected two documents to compare that are not hidden, found none'],
    [{ distillation: {} }, bare, 'expected logits of a teacher: give the recipe one, found none'],
    [{ marginMse: {} }, bare, 'expected logits of a teacher: give the recipe one, found none'],
    [
      { anchor: {} },
      bare,
      'expected logits of the starting model: let it score the lists before training, found none',
    ],
    [
      { anchor: {} },
      { ...bare, startLogits: Float32Array.of(1) },
      'expected 2 startLogits, one a document, found 1',
    ],
    [
      { distillation: {} },
      { ...bare, teacherLogits: Float32Array.of(1, Number.NaN) },
      'expected finite teacherLogits, found NaN for document "b"',
    ],
    [
      { listNet: { targets: 'softmax', hidden: 'unjudged' } },
      { ...bare, documents: [{ docId: 'b', text: 'b' }] },
      'expected documents that "unjudged" does not hide, found none',
    ],
  ] as const)('%j refuses a list, and says why', (recipe, list, problem) => {
    const losses = createLosses(lossesSchema.parse(recipe));
    let caught: unknown;
    try {
      losses.toFeeds(list);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(TrainingListError);
    expect(caught).toMatchObject({ code: 'training-list', set: 'made-up', queryId: 'q1' });
    expect((caught as Error).message).toBe(
      `Cannot compute the loss for query "q1" of "made-up": ${problem}.`,
    );
  });

  it('refuses recipes with unknown names, bad numbers or no loss at all, naming each', () => {
    const { error } = lossesSchema.safeParse({
      infoNce: { temperature: 0 },
      rankNet: { hidden: 'all' },
      lambda: {},
    });
    expect(error!.issues.map(({ path, code }) => [path.join('.'), code])).toEqual([
      ['infoNce.temperature', 'too_small'],
      ['rankNet.hidden', 'invalid_value'],
      ['', 'unrecognized_keys'],
    ]);
    expect(lossesSchema.safeParse({}).error!.issues[0]!.message).toContain('at least one loss of infoNce');
    expect(lossesSchema.safeParse({ own: {} }).success).toBe(false);
  });
});
