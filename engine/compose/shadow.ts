/** A second reranker beside the first: measured, never served. */
import type { Ranking, Reranker, Shortlist } from '../contract.ts';
import { checkOptionNames, type OptionNames } from '../option-names.ts';
import { wrapped } from './wrapped.ts';

/** One list as both ranked it. */
export interface ShadowComparison {
  /** Name of the reranker that answered. */
  readonly primary: string;
  /** Name of the shadow. */
  readonly shadow: string;
  /**
   * Share of the primary's first ten (or fewer) that the shadow has among its own, in [0, 1]; absent when the shadow
   * failed.
   */
  readonly overlap?: number;
  /** How long the shadow took, in milliseconds. */
  readonly shadowMs: number;
  /** The shadow's error; absent when it did not fail. */
  readonly error?: unknown;
}

/** Options of {@link shadowReranker}. */
export interface ShadowOptions {
  /** The reranker that answers. */
  readonly primary: Reranker;
  /** The reranker that is measured. */
  readonly shadow: Reranker;
  /** Share of the lists that the shadow sees, in [0, 1]. @defaultValue 1 */
  readonly share?: number | undefined;
  /**
   * Most lists that the shadow may have in hand; it does not see further ones, so that a slow shadow takes no memory.
   * @defaultValue 4
   */
  readonly maxInFlight?: number | undefined;
  /** Called after every list that the shadow has handled. */
  readonly onComparison: (comparison: ShadowComparison) => void;
  /** Random numbers in [0, 1) that choose the lists for the shadow. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined;
}

const optionNames: OptionNames<ShadowOptions> = {
  primary: true,
  shadow: true,
  share: true,
  maxInFlight: true,
  onComparison: true,
  random: true,
};

/** Number of first ranks that an overlap compares. */
const overlapDepth = 10;

/**
 * A reranker that answers as the primary does, and as soon. The shadow starts once the primary has answered, so that no
 * caller waits for it, and its failures reach no caller. Closing closes both, and does not wait for the shadow's lists.
 *
 * @throws ConfigurationError for an unknown option.
 */
export function shadowReranker(options: ShadowOptions): Reranker {
  checkOptionNames('Cannot make the shadow reranker', options, optionNames);
  const { primary, shadow, share = 1, maxInFlight = 4, random = Math.random } = options;
  let inFlight = 0;
  let isClosed = false;
  const measure = async (
    shortlist: Shortlist,
    answer: Ranking,
    tenant: string | undefined,
  ): Promise<void> => {
    inFlight += 1;
    const started = performance.now();
    const tell = (rest: Pick<ShadowComparison, 'overlap' | 'error'>): void => {
      if (isClosed) return;
      const names = { primary: primary.info.name, shadow: shadow.info.name };
      options.onComparison({ ...names, shadowMs: performance.now() - started, ...rest });
    };
    await shadow
      .rerank(shortlist, tenant === undefined ? {} : { tenant })
      .then(
        (other) => tell({ overlap: overlap(answer, other) }),
        (error: unknown) => tell({ error }),
      )
      .finally(() => {
        inFlight -= 1;
      });
  };
  return wrapped(primary, {
    async rerank(shortlist, call) {
      const answer = await primary.rerank(shortlist, call);
      if (!isClosed && inFlight < maxInFlight && random() < share)
        void measure(shortlist, answer, call?.tenant);
      return answer;
    },
    async close() {
      isClosed = true;
      await Promise.all([primary.close(), shadow.close()]);
    },
  });
}

function overlap(one: Ranking, other: Ranking): number {
  const topOf = ({ candidates }: Ranking): number[] =>
    candidates.slice(0, overlapDepth).map(({ index }) => index);
  const theirs = new Set(topOf(other));
  const ours = topOf(one);
  return ours.length === 0 ? 1 : ours.filter((index) => theirs.has(index)).length / ours.length;
}
