/** The steps after fusion, in their one order. */
import type { ScoreStep } from '../contract.ts';
import { type DiversityOptions, diversity } from './diversity.ts';
import { type OrderLimitOptions, orderLimits } from './order-limits.ts';
import { isScoring, type SignalOptions } from './signal-options.ts';
import { type SignalContext, signalFields, signals } from './signals.ts';

/** Which steps follow. */
export interface OrderStepsOptions {
  /** Rules about fields that the model does not read. @defaultValue none */
  readonly signals?: readonly SignalOptions[] | false | undefined;
  /** Lets the first ranks differ. @defaultValue none */
  readonly diversify?: DiversityOptions | false | undefined;
  /** How far hits may be pushed down that the first stage was right to put first. @defaultValue none */
  readonly orderLimits?: OrderLimitOptions | false | undefined;
}

/**
 * The steps that follow fusion or smoothing: signals that score, then variety, then pins and caps, then limits of the
 * order, which thus hold whatever came before.
 *
 * @throws ConfigurationError listing every option of a step that cannot be.
 */
export function orderSteps(options: OrderStepsOptions, context: SignalContext = {}): readonly ScoreStep[] {
  const { signals: rules, diversify, orderLimits: limits } = options;
  const all = rules || [];
  // The list is checked as a whole first, so that the numbers in its issues are those of the list.
  if (all.length > 0) signals(all, context);
  const scoring = all.filter(isScoring);
  const placing = all.filter((rule) => !isScoring(rule));
  return [
    ...(scoring.length > 0 ? [signals(scoring, context)] : []),
    ...(diversify ? [diversity(diversify)] : []),
    ...(placing.length > 0 ? [signals(placing, context)] : []),
    ...(limits ? [orderLimits(limits)] : []),
  ];
}

/** The fields of hits that the steps look at, each once. */
export function orderStepFields({
  signals: rules,
  diversify,
  orderLimits: limits,
}: OrderStepsOptions): readonly string[] {
  return [
    ...new Set([
      ...signalFields(rules || []),
      ...[(diversify || undefined)?.field ?? []].flat(),
      ...((limits || undefined)?.identifierFields ?? []),
    ]),
  ];
}
