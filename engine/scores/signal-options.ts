/** Options of signals, checked in one place. */
import type { ConfigurationIssue } from '../errors.ts';
import {
  choiceCheck,
  fieldCheck,
  issuesBelow,
  numberCheck,
  optionIssues,
  textsCheck,
  type ValueCheck,
  wholeCheck,
} from '../option-checks.ts';
import type { OptionNames } from '../option-names.ts';
import { decayKind, quantityOf, quantityText } from './signal-functions.ts';

/** What a signal does: the first four give a hit a score, the others place it. */
export type SignalFunction = 'decay' | 'log' | 'saturation' | 'factor' | 'pin' | 'cap';

/** A rule about a field that the model does not read. */
export interface SignalOptions {
  /** What is done with the field: a score between -1 and 1 from its value, or a place for the hit. */
  readonly function: 'decay' | 'log' | 'saturation' | 'factor' | 'pin' | 'cap';
  /** The field, by its dotted path. Fetched with the hits. @defaultValue none; `pin` may name `ids` instead */
  readonly field?: string | undefined;
  /** What its part of the score is called. @defaultValue the field */
  readonly name?: string | undefined;
  /** Whether a score is added to the z-score of the ranking, or multiplies the calibrated score; the same in all signals. @defaultValue 'add' */
  readonly mode?: 'add' | 'multiply' | undefined;
  /**
   * The most that the signal moves a hit: in deviations of the list's scores, or as a share of the calibrated score
   * (then between -1 and 1, exclusive). Below 0 a high score moves it down. Required for `decay`, `log`, `saturation`, `factor`.
   * @defaultValue none
   */
  readonly weight?: number | undefined;
  /** Score of a hit without a value that the function can read, -1 to 1. @defaultValue 0 */
  readonly missing?: number | undefined;
  /** `decay`: how it falls with the distance. @defaultValue 'gauss' */
  readonly shape?: 'gauss' | 'exp' | 'linear' | undefined;
  /** `decay`: where the score is 1: a number, a date, `now`, or a point "latitude,longitude". @defaultValue `now` */
  readonly origin?: number | string | undefined;
  /** `decay`: distance at which it has fallen to `decay`: a number, a time such as 30d, or a distance such as 10km. @defaultValue none */
  readonly scale?: number | string | undefined;
  /** `decay`: distance up to which it does not fall. @defaultValue 0 */
  readonly offset?: number | string | undefined;
  /** `decay`: score at `scale`, above 0, below 1. @defaultValue 0.5 */
  readonly decay?: number | undefined;
  /** `log`: value whose score is 1, above 0. @defaultValue none */
  readonly max?: number | undefined;
  /** `saturation`: value whose score is 1/2, above 0. @defaultValue none */
  readonly pivot?: number | undefined;
  /** `factor`: scores by value, -1 to 1 each; `true` and `false` are values too. @defaultValue none */
  readonly factors?: Readonly<Record<string, number>> | undefined;
  /** `factor`: score of a value that is not named, -1 to 1. @defaultValue 0 */
  readonly otherwise?: number | undefined;
  /** `pin`: values whose hits come first, in this order. @defaultValue none */
  readonly values?: readonly string[] | undefined;
  /** `pin`: ids of hits that come first, in this order. @defaultValue none */
  readonly ids?: readonly string[] | undefined;
  /** `cap`: most hits of one value, at least 1. @defaultValue none */
  readonly atMost?: number | undefined;
  /** `cap`: how many leading ranks that holds for, at least 1. @defaultValue 10 */
  readonly within?: number | undefined;
}

/** Functions that give a score. */
export const scoringFunctions = ['decay', 'log', 'saturation', 'factor'] as const;

const signalFunctions: readonly SignalFunction[] = [...scoringFunctions, 'pin', 'cap'];

const share: ValueCheck = numberCheck({ least: -1, most: 1, expected: 'a number in [-1, 1]' });
const aboveZero: ValueCheck = numberCheck({ above: 0, expected: 'a number above 0' });
/** Checked by the kind of the decay, once the origin is known. */
const anyQuantity: ValueCheck = { isRight: () => true, expected: 'a number, a time or a distance' };

const checks = {
  function: choiceCheck(signalFunctions),
  field: fieldCheck,
  name: { isRight: (value) => typeof value === 'string' && value !== '', expected: 'a text' },
  mode: choiceCheck(['add', 'multiply']),
  weight: numberCheck({ expected: 'a number' }),
  missing: share,
  shape: choiceCheck(['gauss', 'exp', 'linear']),
  origin: {
    isRight: (value) => decayKind(value) !== undefined,
    expected: 'a number, a date, now, or a point "latitude,longitude"',
  },
  scale: anyQuantity,
  offset: anyQuantity,
  decay: numberCheck({ above: 0, below: 1, expected: 'a number above 0 and below 1' }),
  max: aboveZero,
  pivot: aboveZero,
  factors: {
    isRight: (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((each) => share.isRight(each)),
    expected: 'numbers in [-1, 1] by value',
  },
  otherwise: share,
  values: textsCheck,
  ids: textsCheck,
  atMost: wholeCheck(1),
  within: wholeCheck(1),
} as const satisfies Readonly<Record<keyof OptionNames<SignalOptions>, ValueCheck>>;

type SignalOptionName = keyof typeof checks;

const scored: readonly SignalOptionName[] = ['field', 'weight'];
const common: readonly SignalOptionName[] = ['function', 'name'];

/** The options of each function: those that must be there, and those that may. */
const optionsOf: Readonly<
  Record<
    SignalFunction,
    { readonly must: readonly SignalOptionName[]; readonly may: readonly SignalOptionName[] }
  >
> = {
  decay: { must: [...scored, 'scale'], may: ['mode', 'missing', 'shape', 'origin', 'offset', 'decay'] },
  log: { must: [...scored, 'max'], may: ['mode', 'missing'] },
  saturation: { must: [...scored, 'pivot'], may: ['mode', 'missing'] },
  factor: { must: [...scored, 'factors'], may: ['mode', 'missing', 'otherwise'] },
  pin: { must: [], may: ['field', 'values', 'ids'] },
  cap: { must: ['field', 'atMost'], may: ['within'] },
};

/** Everything that is wrong with a list of signals; paths begin with the number of the signal, from 0. */
export function signalIssues(signals: unknown): readonly ConfigurationIssue[] {
  if (!Array.isArray(signals)) return [{ path: '', message: 'expected a list of signals' }];
  const own = signals.flatMap((signal, i) => issuesBelow(i, issuesOfOne(signal)));
  return [...own, ...mixedModes(signals)];
}

function issuesOfOne(signal: unknown): readonly ConfigurationIssue[] {
  const named = (signal as Partial<SignalOptions> | null)?.function;
  const known = signalFunctions.find((each) => each === named);
  if (!known) return optionIssues(signal, checks, ['function']);
  const { must, may } = optionsOf[known];
  const own = new Set<string>([...common, ...must, ...may]);
  const issues = optionIssues(signal, checks, must);
  const given = signal as SignalOptions;
  const foreign = Object.entries(given)
    .filter(([name, value]) => value !== undefined && Object.hasOwn(checks, name) && !own.has(name))
    .map(([name]) => ({
      path: name,
      message: `is no option of ${known}; its own are ${[...own].join(', ')}`,
    }));
  return [...issues, ...foreign, ...(issuesTogether[known]?.(given) ?? []), ...multiplierIssues(given)];
}

const issuesTogether: Partial<
  Record<SignalFunction, (given: SignalOptions) => readonly ConfigurationIssue[]>
> = {
  decay: ({ origin, scale, offset }) => {
    const kind = decayKind(origin);
    if (!kind) return [];
    const wrong = (path: string, value: unknown, isRight: boolean): ConfigurationIssue[] =>
      value === undefined || isRight
        ? []
        : [
            {
              path,
              message: `expected ${quantityText[kind]}${path === 'scale' ? ', above 0' : ''}, as the origin is ${originText[kind]}, got ${JSON.stringify(value)}`,
            },
          ];
    return [
      ...wrong('scale', scale, scale !== undefined && (quantityOf(scale, kind) ?? 0) > 0),
      ...wrong('offset', offset, offset !== undefined && quantityOf(offset, kind) !== undefined),
    ];
  },
  pin: ({ field, values, ids }) => {
    const isByField = field !== undefined && values !== undefined && ids === undefined;
    const isById = ids !== undefined && field === undefined && values === undefined;
    return isByField || isById ? [] : [{ path: '', message: 'expected field and values, or ids' }];
  },
};

const originText = { number: 'a number', date: 'a date', distance: 'a point' } as const;

function multiplierIssues({ mode, weight }: SignalOptions): readonly ConfigurationIssue[] {
  if (mode !== 'multiply' || typeof weight !== 'number' || Math.abs(weight) < 1) return [];
  return [{ path: 'weight', message: `expected a number between -1 and 1 for a multiplier, got ${weight}` }];
}

function mixedModes(signals: readonly unknown[]): readonly ConfigurationIssue[] {
  const modes = new Set(signals.filter(isScoring).map((signal) => (signal as SignalOptions).mode ?? 'add'));
  if (modes.size < 2) return [];
  return [{ path: '', message: 'expected one mode in all signals: add, or multiply' }];
}

/** Whether a signal gives a score; the others place hits. */
export function isScoring(signal: unknown): boolean {
  const named = (signal as Partial<SignalOptions> | null)?.function;
  return scoringFunctions.some((each) => each === named);
}
