/** A trained readout between its start and its end: what it measures, what is chosen of it, and how it is written. */
import { QueryError } from '../../errors.ts';
import { type Measure, mean, parseMeasure } from '../../evaluation/measures.ts';
import { isClearLead } from '../../evaluation/significance.ts';
import { type JudgedQuery, savePrecedents, toPrecedents } from '../../model/precedents-file.ts';
import type { PrecedentKernel, Precedents } from '../../readout/precedents.ts';
import type { EncoderReranker } from '../../rerank/encoder/encoder-reranker.ts';
import type { ReadoutTrainee } from '../trainees/readout/readout-trainee.ts';
import type { ListRuns } from '../trainer/list-runs.ts';
import { interpolate } from '../trainer/tensors.ts';
import type { TrainedTensors } from '../trainer/trainee.ts';
import type { FitList } from './fit-list.ts';
import {
  choosePrecedents,
  measured,
  precedentsOf,
  queryAnchor,
  type ScoredFitList,
} from './fit-precedents.ts';

/** One epoch's losses. */
export interface EpochReport {
  /** From 1. */
  readonly epoch: number;
  /** Mean training loss over the epoch. */
  readonly loss: number;
  /** Loss on the development lists afterwards. */
  readonly developmentLoss: number;
}

/** A fitted readout, open to score lists until it is closed. */
export interface FittedReadout {
  /** What was chosen: weights between start and end, the first stage's share, precedents. */
  readonly choice: FitChoice;
  /** The model as it was. */
  readonly start: FitChoice;
  /** Epochs until the best development loss; 0 where none was smaller than the start's. */
  readonly bestEpoch: number;
  /** Every epoch. */
  readonly epochs: readonly EpochReport[];
  /** Value of a measure on a list with the chosen model; `'start'`, with the model as it was. */
  measure(list: FitList, measure: Measure, model?: 'chosen' | 'start' | FitChoice): Promise<number>;
  /** Writes a model folder that serves the choice. */
  save(folder: string, choice?: FitChoice): Promise<void>;
  /** Frees what it holds. */
  close(): Promise<void>;
}

/** How far the model goes from its start, and what the first stage's share is. */
export interface FitChoice {
  /** 0 is the start, 1 the end of training. */
  readonly interpolation: number;
  /** The first stage's share in the fused order. */
  readonly fusionWeight: number;
  /** What the judged queries weigh as precedents. @defaultValue there are none */
  readonly precedents?: PrecedentKernel | undefined;
}

/** Weights between start and end that are tried. */
export const interpolations: readonly number[] = [0, 0.25, 0.5, 0.75, 1];
const fusionWeights = [0, 0.1, 0.2, 0.3, 0.4, 0.5];
const nDCG = parseMeasure('nDCG@10');

/**
 * The choice with the largest mean, where its lead over the start is larger than one standard error of the paired differences;
 * else the start. Few queries decide, and many choices are tried.
 *
 * Source of the rule: Breiman et al. 1984, as in `tune`.
 */
export async function choose(
  fitted: Fitted,
  lists: readonly FitList[],
  fusionWeight: number,
): Promise<FitChoice> {
  const shares = [...new Set([fusionWeight, ...fusionWeights])];
  const tried: { readonly choice: FitChoice; readonly values: readonly number[] }[] = [];
  for (const interpolation of interpolations) {
    const logits: Float32Array[] = [];
    for (const each of lists) logits.push(await fitted.logits(each, interpolation));
    for (const share of shares) {
      const values = lists.map((each, i) => measured(each, logits[i]!, { share, measure: nDCG }));
      tried.push({ choice: { interpolation, fusionWeight: share }, values });
    }
  }
  // The first one is the start; of equal ones the first has the lead.
  const start = tried[0]!;
  const best = tried.reduce((a, b) => (mean(b.values) > mean(a.values) + 1e-9 ? b : a));
  return isClearLead(best.values, start.values) ? best.choice : start.choice;
}

interface FittedParts {
  readonly reranker: EncoderReranker;
  readonly trainee: ReadoutTrainee;
  readonly runs: ListRuns;
  readonly start: TrainedTensors;
  readonly end: TrainedTensors;
  /** What was judged, for precedents. */
  readonly queries: readonly JudgedQuery[];
}

/** Weights between start and end, open to score lists. */
export class Fitted {
  readonly #parts: FittedParts;
  readonly #precedents: Precedents;

  constructor(parts: FittedParts) {
    this.#parts = parts;
    this.#precedents = toPrecedents(parts.queries, parts.reranker.width);
  }

  /** Logits with weights between start and end. */
  async logits({ list }: FitList, interpolation: number): Promise<Float32Array> {
    if (list.documents.length === 0) return new Float32Array();
    // As in the stage, a query that the model cannot read keeps its order.
    return this.#parts.runs.logits(list, this.#between(interpolation)).catch((error: unknown) => {
      if (error instanceof QueryError) return new Float32Array(list.documents.length);
      throw error;
    });
  }

  /**
   * The choice with what the judged queries are to weigh as precedents, by the logits of the start: those of the end have
   * learnt what is judged in these lists.
   *
   * @param lists - Those that were judged.
   */
  async withPrecedents(choice: FitChoice, lists: readonly FitList[]): Promise<FitChoice> {
    const { reranker } = this.#parts;
    const scored: ScoredFitList[] = [];
    for (const fitList of lists) {
      const anchor = await queryAnchor(reranker, fitList);
      if (anchor === undefined || fitList.shortlist.candidates.length === 0) continue;
      scored.push({ fitList, anchor, logits: await this.logits(fitList, 0) });
    }
    const how = { share: choice.fusionWeight, measure: nDCG };
    return { ...choice, precedents: choosePrecedents(this.#precedents, scored, how) };
  }

  /** The model of a choice. */
  chosen(choice: FitChoice, learnt: Pick<FittedReadout, 'bestEpoch' | 'epochs'>): FittedReadout {
    const { reranker, trainee, runs, queries } = this.#parts;
    const start: FitChoice = { interpolation: 0, fusionWeight: trainee.fusionWeight(new Map()) };
    return {
      ...learnt,
      choice,
      start,
      measure: async (list, measure, model = 'chosen') => {
        const asked = model === 'chosen' ? choice : model === 'start' ? start : model;
        const logits = await this.#served(list, asked);
        return measured(list, logits, { share: asked.fusionWeight, measure });
      },
      save: async (folder, asked = choice) => {
        await trainee.save(folder, this.#between(asked.interpolation), asked.fusionWeight);
        const { precedents: kernel } = asked;
        if (kernel) await savePrecedents(folder, queries, { width: reranker.width, kernel });
      },
      close: async () => {
        await runs.close();
        await trainee.close();
      },
    };
  }

  async #served(list: FitList, { interpolation, precedents }: FitChoice): Promise<ArrayLike<number>> {
    const logits = await this.logits(list, interpolation);
    const anchor = precedents && (await queryAnchor(this.#parts.reranker, list));
    if (!anchor) return logits;
    const added = precedentsOf({ fitList: list, anchor }, this.#precedents, { kernel: precedents });
    return added.map((logit, i) => logits[i]! + logit);
  }

  #between(weight: number): TrainedTensors {
    return interpolate(this.#parts.start, this.#parts.end, weight);
  }
}
