/** Reranking documents whose states are there, against encoding them first. */
import { type EncoderReranker, openEncoderReranker } from '../engine/index.ts';
import type { ExecutionProvider } from '../engine/session/runtime.ts';
import { atLeast, atMost, type Bench, rounded, threads } from './support/bench.ts';
import { alternate, type Contender, median, medianRatio } from './support/measure.ts';
import { formNames, inForms, type QueryForm, queryForms } from './support/query-forms.ts';
import { documentsOf, question, shortlistOf } from './support/texts.ts';

const rounds = 7;
const documents = 100;
const tokens = 128;
/** Warm runs in one round: a single one is too short to time well. */
const warmRuns = 10;

export const warm: Bench = {
  about: `Reranking ${documents} documents of ${tokens} tokens cold and warm, by tier of the states; known ones by precision of query and documents.`,
  takes: ['device'],
  async run(note, { device = 'cpu' }) {
    note('tier anchor');
    const anchor = await measureTier('anchor', device);
    note('tier tokens');
    const token = await measureTier('tokens', device);
    note('precision of queries');
    const precisions = device === 'cpu' && {
      anchor: await measurePrecisions('anchor'),
      tokens: await measurePrecisions('tokens'),
    };
    return {
      figures: {
        device,
        coldOverWarm: { anchor: rounded(anchor.coldOverWarm), tokens: rounded(token.coldOverWarm) },
        coldMs: { anchor: rounded(anchor.coldMs), tokens: rounded(token.coldMs) },
        warmMs: { anchor: rounded(anchor.warmMs), tokens: rounded(token.warmMs) },
        warmMsByDocumentTokens: { anchor: anchor.byLength, tokens: token.byLength },
        queryOnOneThreadOverAll: { anchor: rounded(anchor.oneOverAll), tokens: rounded(token.oneOverAll) },
        warmMs500Documents: { anchor: rounded(anchor.largeMs), tokens: rounded(token.largeMs) },
        ...(precisions && { warmByQueryPrecision: precisions }),
      },
      checks: [
        atLeast('cold / warm with anchor states', anchor.coldOverWarm, 100),
        atLeast('cold / warm with token states', token.coldOverWarm, 50),
        atMost(
          'warm time with anchors, 128 tokens / 32 tokens',
          anchor.byLength[128]! / anchor.byLength[32]!,
          1.2,
        ),
        atMost('500 warm documents with token states, seconds', token.largeMs / 1000, 1),
      ],
    };
  },
};

interface TierFigures {
  readonly coldOverWarm: number;
  readonly coldMs: number;
  readonly warmMs: number;
  readonly byLength: Record<number, number>;
  readonly largeMs: number;
  /** Warm time with the query block on one thread over that with it on all idle ones. */
  readonly oneOverAll: number;
}

async function measureTier(tier: 'anchor' | 'tokens', device: ExecutionProvider): Promise<TierFigures> {
  const options = { tier, device, workers: threads, stateCacheBytes: 2 ** 31 };
  const reranker = await openEncoderReranker(options);
  const narrow = await openEncoderReranker({ ...options, queryThreads: 1 });
  let seed = 0;
  const ask = (texts: readonly string[], asked = reranker): Promise<unknown> =>
    asked.rerank(shortlistOf(question(seed++), texts));
  const askOften = async (texts: readonly string[], asked = reranker): Promise<void> => {
    for (let run = 0; run < warmRuns; run += 1) await ask(texts, asked);
  };
  try {
    const known = documentsOf(documents, tokens);
    for (const each of [reranker, narrow]) await ask(known, each);
    const {
      cold,
      warm: hot,
      onOneThread,
    } = await alternate(rounds, {
      cold: () => ask(documentsOf(documents, tokens, ++seed)),
      warm: () => askOften(known),
      onOneThread: () => askOften(known, narrow),
    });
    const byLength: Record<number, number> = {};
    const lengths = [32, 64, 128].map((length) => [length, documentsOf(documents, length)] as const);
    for (const [, texts] of lengths) await ask(texts);
    const contenders = lengths.map(([length, texts]) => [String(length), () => askOften(texts)] as const);
    const times = await alternate(rounds, Object.fromEntries(contenders));
    for (const [length] of lengths) byLength[length] = rounded(median(times[String(length)]!) / warmRuns);
    const many = documentsOf(500, tokens);
    await ask(many);
    const { large } = await alternate(rounds, { large: () => ask(many) });
    return {
      coldOverWarm: medianRatio(cold, hot) * warmRuns,
      coldMs: median(cold),
      warmMs: median(hot) / warmRuns,
      byLength,
      largeMs: median(large),
      oneOverAll: medianRatio(onOneThread, hot),
    };
  } finally {
    await Promise.all([reranker.close(), narrow.close()]);
  }
}

/** How many known documents are ranked in each precision. */
const knownCounts = [100, 500];

/** Known documents, with query and documents in float32, the query alone in int8, and both. */
async function measurePrecisions(tier: 'anchor' | 'tokens'): Promise<object> {
  const rerankers = new Map<QueryForm, EncoderReranker>();
  try {
    for (const name of formNames) {
      const options = { tier, workers: threads, stateCacheBytes: 2 ** 31, ...queryForms[name] };
      rerankers.set(name, await openEncoderReranker(options));
    }
    const figures: Record<string, object> = {};
    let seed = 0;
    const nextQuestion = (): string => question(seed++);
    for (const count of knownCounts)
      figures[`${count} documents`] = await measureKnown(rerankers, count, nextQuestion);
    return figures;
  } finally {
    await Promise.all([...rerankers.values()].map((each) => each.close()));
  }
}

async function measureKnown(
  rerankers: ReadonlyMap<QueryForm, EncoderReranker>,
  count: number,
  nextQuestion: () => string,
): Promise<object> {
  const known = documentsOf(count, tokens);
  const ask = (reranker: EncoderReranker): Promise<unknown> =>
    reranker.rerank(shortlistOf(nextQuestion(), known));
  const contenders = [...rerankers].map(([name, reranker]) => {
    const askOften = async (): Promise<void> => {
      for (let run = 0; run < warmRuns; run += 1) await ask(reranker);
    };
    return [name, askOften] as const;
  });
  const times = await alternate(rounds, Object.fromEntries(contenders) as Record<QueryForm, Contender>);
  return {
    ms: inForms((name) => median(times[name]) / warmRuns),
    overFloat32: inForms((name) => medianRatio(times[name], times.float32)),
  };
}
