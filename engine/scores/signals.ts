/** Signals: what fields beside the text say of a hit, after the model. */
import type {
  CandidateSignals,
  RankedCandidate,
  Ranking,
  ScorePart,
  ScoreStep,
  Shortlist,
  SignalValue,
  StepContext,
} from '../contract.ts';
import { ConfigurationError } from '../errors.ts';
import { zScale } from './fusion-scores.ts';
import { capped, pinnedFirst } from './placed-hits.ts';
import { withCandidates } from './ranking.ts';
import { rankingPart, withParts } from './score-parts.ts';
import {
  decayAt,
  decayKind,
  distanceFrom,
  factorOf,
  logOf,
  quantityOf,
  saturationOf,
} from './signal-functions.ts';
import { isScoring, type SignalOptions, signalIssues } from './signal-options.ts';
import { numbersOf } from './signal-values.ts';
import { isRead, unreadLogits } from './unread.ts';

/** The surroundings of {@link signals}. */
export interface SignalContext {
  /** The time of `now`, in milliseconds since 1970. @defaultValue `Date.now` */
  readonly now?: (() => number) | undefined;
}

/**
 * A score step: scores from fields that the model does not read, then pins, then caps.
 *
 * Every scoring function gives a hit a number `v` in [-1, 1]. In the mode `add` the logit becomes the z-score of the
 * ranking's logit plus `weight * v` of each signal, so that no signal moves a hit by more than its weight. In the mode
 * `multiply` it becomes the logarithm of the calibrated score times `1 + weight * v` of each. Scores of near-duplicates
 * count for no deviation. What the logit is made of stands in {@link RankedCandidate.parts}, and adds up to it exactly.
 *
 * Candidates that were not read in time get no scores and keep their ranks among the others; pins and caps hold for
 * them too. Calibrated scores stay the model's. Equal values of a hit's field, or an empty list, are nothing special.
 *
 * @throws ConfigurationError listing every option that cannot be; from the step, when no hit of the list has a field
 * that is named, since the adapter was not told to fetch it, and when a multiplier finds no calibrated score.
 *
 * @example const step = signals([{ function: 'decay', field: 'published', scale: '30d', weight: 0.5 }]);
 */
export function signals(options: readonly SignalOptions[], context: SignalContext = {}): ScoreStep {
  const issues = signalIssues(options);
  if (issues.length > 0) throw new ConfigurationError('Cannot make the signals', issues);
  const { now = Date.now } = context;
  const scoring = options.filter(isScoring).map((each) => toSignal(each, now));
  const isMultiplied = options.some(({ mode }) => mode === 'multiply');
  const pins = options.filter((each) => each.function === 'pin');
  const caps = options.filter((each) => each.function === 'cap');
  return (ranking, shortlist, step) => {
    if (ranking.candidates.length === 0) return ranking;
    assertFields(options, step.signals);
    const scored = scoring.length === 0 ? ranking : withScores(ranking, { scoring, isMultiplied, step });
    return placed(scored, shortlist, { pins, caps });
  };
}

/** Names of the fields that signals look at. */
export function signalFields(options: readonly SignalOptions[] = []): readonly string[] {
  return options.flatMap(({ field }) => (field === undefined ? [] : [field]));
}

/** A signal that scores. */
interface Signal {
  readonly name: string;
  readonly field: string;
  readonly weight: number;
  /** The score of a value, in [-1, 1]. */
  readonly scoreOf: (value: SignalValue | undefined) => number;
}

function toSignal(options: SignalOptions, now: () => number): Signal {
  const {
    field,
    name = field,
    weight,
    missing = 0,
  } = options as SignalOptions & { field: string; weight: number };
  const read = functionOf(options, now);
  return { name: name!, field, weight, scoreOf: (value) => read(value) ?? missing };
}

/** The function of a signal; it gives `undefined` for a value that it cannot read. */
function functionOf(
  options: SignalOptions,
  now: () => number,
): (value: SignalValue | undefined) => number | undefined {
  switch (options.function) {
    case 'decay':
      return decayOf(options, now);
    case 'log':
      return ofFirst((value) => logOf(value, options.max!));
    case 'saturation':
      return ofFirst((value) => saturationOf(value, options.pivot!));
    default: {
      const factors = new Map(Object.entries(options.factors!));
      return (value) => factorOf(value, factors, options.otherwise ?? 0);
    }
  }
}

function decayOf(
  options: SignalOptions,
  now: () => number,
): (value: SignalValue | undefined) => number | undefined {
  const { origin, scale, offset = 0, shape = 'gauss', decay = 0.5 } = options;
  const kind = decayKind(origin)!;
  const form = { shape, decay, scale: quantityOf(scale, kind)!, offset: quantityOf(offset, kind)! };
  const distanceOf = distanceFrom(origin, now);
  return (value) => {
    const distance = distanceOf(value);
    return distance === undefined ? undefined : decayAt(distance, form);
  };
}

/** A function of a field's first number, as `field_value_factor` of the servers takes it. */
function ofFirst(of: (value: number) => number): (value: SignalValue | undefined) => number | undefined {
  return (value) => {
    const [first] = numbersOf(value);
    return first === undefined ? undefined : of(first);
  };
}

interface Scoring {
  readonly scoring: readonly Signal[];
  readonly isMultiplied: boolean;
  readonly step: StepContext;
}

function withScores(ranking: Ranking, { scoring, isMultiplied, step }: Scoring): Ranking {
  const read = ranking.candidates.filter(isRead);
  const baseOf = isMultiplied ? calibratedBase(read) : zBase(read);
  const valuesOf = step.signals;
  const scored = read.map((candidate) => {
    const parts: ScorePart[] = [baseOf(candidate)];
    for (const { name, field, weight, scoreOf } of scoring) {
      const change = weight * scoreOf(valuesOf[candidate.index]?.[field]);
      parts.push({ name, value: isMultiplied ? Math.log1p(change) : change });
    }
    return withParts(candidate, parts);
  });
  return withCandidates(ranking, [...scored, ...keptRanks(ranking, scored)]);
}

/** The ranking's own part, before any signal. */
type Base = (candidate: RankedCandidate) => ScorePart;

function zBase(read: readonly RankedCandidate[]): Base {
  const standing = read.filter(({ duplicateOf }) => duplicateOf === undefined);
  const scale = zScale(standing.map(({ logit }) => logit)) ?? (() => 0);
  return ({ logit }) => ({ name: rankingPart, value: scale(logit) });
}

/** Smallest calibrated score whose logarithm is taken: one of 0 has none. */
const leastCalibrated = 1e-12;

function calibratedBase(read: readonly RankedCandidate[]): Base {
  if (read.some(({ calibratedScore }) => calibratedScore === undefined)) {
    throw new ConfigurationError('Cannot apply the signals', [
      {
        path: 'mode',
        message:
          'the reranker gives no calibrated score that could be multiplied; take the mode add, or a calibrated reranker',
      },
    ]);
  }
  return ({ calibratedScore = 0 }) => ({
    name: 'calibrated',
    value: Math.log(Math.max(leastCalibrated, calibratedScore)),
  });
}

function keptRanks(ranking: Ranking, scored: readonly RankedCandidate[]): readonly RankedCandidate[] {
  const unread = ranking.candidates.filter((candidate) => !isRead(candidate));
  const between = unreadLogits(
    unread.map(({ index }) => index),
    scored,
  );
  return unread.map((candidate, i) => withParts(candidate, [{ name: rankingPart, value: between[i]! }]));
}

function placed(
  ranking: Ranking,
  shortlist: Shortlist,
  { pins, caps }: Readonly<Record<'pins' | 'caps', readonly SignalOptions[]>>,
): Ranking {
  const pinned = pins.length === 0 ? ranking : pinnedFirst(ranking, shortlist, pins);
  return caps.length === 0 ? pinned : capped(pinned, shortlist, { caps, pins });
}

/** @throws ConfigurationError for fields that no candidate was asked for; a field without a value is `null`. */
function assertFields(options: readonly SignalOptions[], values: readonly CandidateSignals[]): void {
  const issues = options.flatMap(({ field }, i) =>
    field === undefined || values.some((signals) => Object.hasOwn(signals, field))
      ? []
      : [
          {
            path: `${i}.field`,
            message: `no hit comes with the field "${field}"; name it in the option signals of the adapter`,
          },
        ],
  );
  if (issues.length > 0) throw new ConfigurationError('Cannot apply the signals', issues);
}
